# What every rule file shares: the checked selection, the places things go, and the environment of the jobs.

import os
import sys
from pathlib import Path

PACKAGE_ROOT = Path(workflow.basedir) / "workflow"
# The jobs, and the next lines, find the package without an installation.
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")])))
sys.path.insert(0, str(PACKAGE_ROOT))

from lstmbench import datasets
from lstmbench.code import training_files
from lstmbench.errors import BenchError
from lstmbench.selection import checked

try:
    SELECTION = checked(config)
except BenchError as error:
    # One line for the user; a WorkflowError would wrap it in places in this file.
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

# Data and weights do not depend on the configuration and are shared by all; the rest stands under `results`.
DATA = "results/data"
WEIGHTS = "results/weights"
RESULTS = SELECTION.results

# A job that must be alone on the machine asks for all 100; every other one takes its share of one.
workflow.global_resources.setdefault("machine", 100)
workflow.global_resources.setdefault("gpu", 1)


wildcard_constraints:
    dataset="|".join(SELECTION.datasets),
    size="|".join(SELECTION.sizes),
    implementation="|".join(SELECTION.implementations),
    device=SELECTION.device,
    seed=r"\d+",


def package(*modules):
    """Paths of package files, for a rule's inputs: Snakemake does not see imports."""
    return [str(PACKAGE_ROOT / "lstmbench" / f"{module}.py") for module in modules]

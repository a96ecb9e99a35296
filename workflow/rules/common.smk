# Shared by all rules, the checked selection, the places things go, and the environment of the jobs.

import dataclasses
import json
import os
import shlex
import sys
from pathlib import Path

PACKAGE_ROOT = Path(workflow.basedir) / "workflow"
# The jobs, and the next lines, find the package without an installation.
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")])))
sys.path.insert(0, str(PACKAGE_ROOT))

from lstmbench import datasets
from lstmbench.cli import PREFIX
from lstmbench.code import implementation_files, probe_files, training_files
from lstmbench.environment import installed, interpreter
from lstmbench.errors import BenchError
from lstmbench.machine import split_device
from lstmbench.probes import framework
from lstmbench.resources import UNPLANNED, read_plan
from lstmbench.retry import failures_aside, put_failures_aside
from lstmbench.selection import RECORD, checked, require_path
from lstmbench.text import printable

try:
    require_path(Path(workflow.basedir))
    SELECTION = checked(config)
except BenchError as error:
    # One line for the user; a WorkflowError would wrap it in places in this file.
    print(f"{PREFIX}{error.label}: {printable(str(error))}", file=sys.stderr)
    sys.exit(error.exit_code)

# Data, weights and environments are shared by all configurations; the rest stands under `results`.
DATA = Path("results/data")
WEIGHTS = Path("results/weights")
ENVIRONMENTS = Path("results/environments")
RESULTS = Path(SELECTION.results)
TABLES = RESULTS / "tables"
FIGURES = RESULTS / "figures"

# A table is written for everybody and for programs; and as people read it, to be read and to be put into a paper.
TABLE_KINDS = ["csv", "parquet"]

# What is known of the runs; without a plan nothing.
PLANNED = read_plan(RESULTS / "plan/plan.csv", SELECTION)

if workflow.is_main_process:
    put_failures_aside(RESULTS / "runs")

# A job that must be alone on the machine asks for all 100; every other one takes its share of one.
workflow.global_resources.setdefault("machine", 100)
workflow.global_resources.setdefault("gpu", max(SELECTION.workers))


wildcard_constraints:
    dataset="|".join(SELECTION.datasets),
    size="|".join({*SELECTION.sizes, *SELECTION.speed.sizes}),
    implementation="|".join({*SELECTION.implementations, *SELECTION.speed.implementations}),
    device="|".join({*SELECTION.bare_devices, *SELECTION.devices, *(device for _, device in SELECTION.cells)}),
    seed=r"\d+",
    environment=r"[a-z0-9][a-z0-9._-]*",
    threads=r"\d+",
    scaled="workers|threads",


def package(*modules):
    """Paths of package files, for a rule's inputs: Snakemake does not see imports."""
    return [str(PACKAGE_ROOT / "lstmbench" / f"{module}.py") for module in modules]


def code_of_run(wildcards):
    task = datasets.load_module(wildcards.dataset).TASK
    return [str(path) for path in training_files(task, wildcards.implementation)]


def code_of_measurement(wildcards):
    task = datasets.load_module(wildcards.dataset).TASK
    of_framework = [
        str(path)
        for implementation in SELECTION.speed.implementations
        for path in [*training_files(task, implementation), *probe_files(implementation)]
    ]
    return sorted({*package("measure", "sample", "limits", "interference"), *of_framework})


def code_of_calibration(wildcards):
    return sorted({*package("sample", "limits", "interference"), *code_of_run(wildcards)})


def in_cells(pattern, cells):
    """``pattern`` with implementation, device and threads of each cell, and its other wildcards left."""
    names, devices = zip(*cells, strict=True) if cells else ((), ())
    counts = map(SELECTION.threads_of, devices)
    return expand(pattern, zip, implementation=names, device=devices, threads=counts, allow_missing=True)


def shown_tables(names, caption="table"):
    """The tables that people read, each with a label in the report of Snakemake itself."""
    shown = {"category": "Tables", "caption": f"../report/{caption}.rst"}
    return [report(TABLES / f"{name}.md", labels={"table": name.replace("_", " ")}, **shown) for name in names]


def shown_figures(kind, datasets, caption):
    """A figure of each data set, with labels in the report of Snakemake itself."""
    shown = {"category": "Figures", "caption": f"../report/{caption}.rst"}
    paths = {name: FIGURES / f"{kind}_{name}.svg" for name in datasets}
    return [report(path, labels={"figure": kind, "data set": name}, **shown) for name, path in paths.items()]


def figures_for_paper(kinds, datasets):
    """The same figures in the formats that a paper takes."""
    return expand(FIGURES / "{kind}_{dataset}.{suffix}", kind=kinds, dataset=datasets, suffix=["png", "pdf"])


def threads_of(wildcards):
    """How many threads each worker of a run has."""
    return SELECTION.threads_of(wildcards.device)


def workers_of(wildcards):
    """How many workers share a run."""
    return split_device(wildcards.device).workers


def share_of_machine(wildcards):
    """One of 100; all of them for a run on a GPU beside others on several: each would begin with the first."""
    return 100 if SELECTION.device == "gpu" and max(SELECTION.workers) > 1 else 1


def code_of_certificate(wildcards):
    own = [str(path) for path in implementation_files(wildcards.implementation)]
    return sorted({*package("certify", "parity", "learner", "weights", "implementations/reference"), *own})


def asked(wildcards, attempt):
    """Time and memory that an attempt at a run asks for."""
    cell = (wildcards.dataset, wildcards.size, wildcards.implementation, wildcards.device)
    return PLANNED.get(cell, UNPLANNED).of_attempt(attempt)


def environment(wildcards):
    """pytorch_fast shares the environment of pytorch; plain NumPy needs no more than the tools."""
    name = framework(wildcards.implementation)
    name = name if Path(workflow.basedir, "envs", f"{name}.yaml").exists() else "tools"
    return f"../../envs/{name}.yaml"

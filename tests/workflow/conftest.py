"""A copy of the house to which a size and an implementation are added, each by one file, and its workflow run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "envs", "profiles")

TINY = """\
source: a test
num_layers: 1
hidden_size: 8
num_steps: 10
batch_size: 20
init_scale: 0.1
optimizer: sgd
learning_rate: 0.5
epochs: 2
full_rate_epochs: 1
lr_decay: 0.5
max_grad_norm: 5.0
"""

CONFIG = {
    "datasets": "[markov]",
    "sizes": "[tiny]",
    "implementations": "[reference,copycat]",
    "seeds": "[1]",
    "device": "cpu",
    "threads": "1",
    "results": "results/tiny",
    "max_updates": "12",
    "max_eval_predictions": "500",
}


@dataclass(frozen=True)
class House:
    """A working directory with the workflow in it."""

    root: Path

    def snakemake(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake on CONFIG with ``changes``; output and errors come together in ``stdout``."""
        config = [f"{key}={value}" for key, value in {**CONFIG, **changes}.items()]
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--config", *config]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
        environment.pop("PYTHONPATH", None)
        return subprocess.run(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def planned(self, **changes: str) -> list[str]:
        """The rule names of the jobs that a dry run lists, sorted, one per job."""
        done = self.snakemake("--dry-run", "--quiet", "rules", **changes)
        assert done.returncode == 0, done.stdout
        done = self.snakemake("--dry-run", **changes)
        lines = done.stdout.split("Job stats:")[-1].splitlines() if "Job stats:" in done.stdout else []
        counts = [line.split() for line in lines if len(line.split()) == 2 and line.split()[1].isdigit()]
        return sorted(name for name, count in counts if name != "total" for _ in range(int(count)))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The house with the size ``tiny`` and the implementation ``copycat``, its workflow run once."""
    root = tmp_path_factory.mktemp("a house")  # with a space, as some have
    for part in PARTS:
        source = ROOT / part
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, root / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, root / part, follow_symlinks=False)
    (root / "workflow/presets/markov/tiny.yaml").write_text(TINY, encoding="utf-8")
    copycat = '"""The reference under another name."""\n\nfrom lstmbench.implementations.reference import *  # noqa: F403\n'
    (root / "workflow/lstmbench/implementations/copycat.py").write_text(copycat, encoding="utf-8")
    built = House(root)
    done = built.snakemake()
    assert done.returncode == 0, done.stdout
    return built

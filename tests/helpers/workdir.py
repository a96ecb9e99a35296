"""A folder with a copy of the workflow, to which a size and an implementation are added, each by one file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmbench.utils.paths import ROOT

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
    "speed": "{sizes: [tiny], implementations: [reference, copycat], processes: 1, attempts: 1, blocks: 2}",
}


RECORDER = """\
import os, sys

class Recorder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("lstmbench."):
            write(name.removeprefix("lstmbench.").removesuffix(".__init__"))

def write(text):
    with open(os.path.join(os.path.dirname(__file__), f"{os.getpid()}.txt"), "a") as stream:
        stream.write(text + "\\n")

if sys.orig_argv[1:3] == ["-m", "lstmbench"]:
    write("\\n" + sys.orig_argv[3].replace("-", "_"))
    sys.meta_path.insert(0, Recorder())
"""


@dataclass(frozen=True)
class Workdir:
    """A working directory with the workflow in it."""

    root: Path

    @property
    def recorder(self) -> Path:
        """Where the processes that run a verb write down which modules of the package they import."""
        return self.root.with_name(f"{self.root.name} recorder")  # of no other workdir

    def snakemake(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake on CONFIG with ``changes``; output and errors come together in ``stdout``."""
        return subprocess.run(self.words(*arguments, **changes), **self.circumstances())

    def command(self, *arguments: str, modules: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run snakemake with these arguments; ``modules``: a folder of plugins."""
        return subprocess.run(["snakemake", "--cores", "2", *arguments], **self.circumstances(modules))

    def words(self, *arguments: str, **changes: str) -> list[str]:
        """The command line of snakemake on CONFIG with ``changes``."""
        config = [f"{key}={value}" for key, value in {**CONFIG, **changes}.items()]
        return ["snakemake", "--cores", "2", *arguments, "--config", *config]

    def circumstances(self, modules: Path | None = None) -> dict[str, Any]:
        """Where and how a process runs, as a user of the environment would start it."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, filter(None, [self.recorder, modules])))
        return {
            "cwd": self.root,
            "env": environment,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }

    def planned(self, *arguments: str, **changes: str) -> Counter[str]:
        """How many jobs of each rule a dry run plans."""
        return planned(self.snakemake("--dry-run", *arguments, **changes))


@contextmanager
def edited(workdir: Workdir, *edits: tuple[str, str, str]) -> Iterator[None]:
    """Replace texts in files of the workdir, for a time."""
    before = {workdir.root / path: (workdir.root / path).read_text(encoding="utf-8") for path, _, _ in edits}
    try:
        for path, old, new in edits:
            text = (workdir.root / path).read_text(encoding="utf-8")
            assert old in text
            (workdir.root / path).write_text(text.replace(old, new), encoding="utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


def planned(dry_run: subprocess.CompletedProcess[str]) -> Counter[str]:
    """How many jobs of each rule a dry run's last table of job counts lists."""
    assert dry_run.returncode == 0, dry_run.stdout
    table = dry_run.stdout.rpartition("Job stats:")[2] if "Job stats:" in dry_run.stdout else ""
    rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
    return Counter({rule: int(count) for rule, count in rows if rule != "total"})


def copy_workdir(root: Path) -> None:
    """Put the workflow with the size ``tiny`` and the implementation ``copycat`` into a folder."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, root / part)
    (root / "workflow/presets/markov/tiny.yaml").write_text(TINY, encoding="utf-8")
    copycat = '"""The reference under another name."""\n\nfrom lstmbench.implementations.reference import *\n'
    (root / "workflow/lstmbench/implementations/copycat.py").write_text(copycat, encoding="utf-8")

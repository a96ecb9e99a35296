"""Which files of the package a training run depends on.

Snakemake does not see imports: the rules list these files as inputs, so that editing one adapter re-runs
its runs and no others; a checkpoint remembers their hash.
"""

from __future__ import annotations

from pathlib import Path

from lstmbench.files import hash_file, hash_json

PACKAGE = Path(__file__).resolve().parent

TRAINING_MODULES = ("train", "loop", "learner", "weights")


def training_files(task: str, implementation: str) -> list[Path]:
    """The files that decide what a run computes."""
    shared = [PACKAGE / f"{name}.py" for name in TRAINING_MODULES]
    return [*shared, PACKAGE / "tasks" / f"{task}.py", PACKAGE / "implementations" / f"{implementation}.py"]


def training_hash(task: str, implementation: str) -> str:
    """sha256 over those files' contents, in hex."""
    return hash_json([hash_file(path) for path in training_files(task, implementation)])

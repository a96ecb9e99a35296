"""Which files of the package a training run depends on.

Snakemake does not see imports: the rules list these files as inputs, so that editing one adapter re-runs
its runs and no others; a checkpoint remembers their hash.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from lstmbench.files import hash_file, hash_json
from lstmbench.implementations import split
from lstmbench.probes import framework

PACKAGE = Path(__file__).resolve().parent
IMPLEMENTATIONS = PACKAGE / "implementations"

TRAINING_MODULES = ("train", "loop", "cell", "learner", "weights", "workers")


def training_files(task: str, implementation: str) -> list[Path]:
    """The files that decide what a run computes."""
    shared = [PACKAGE / f"{name}.py" for name in TRAINING_MODULES]
    return [*shared, PACKAGE / "tasks" / f"{task}.py", *implementation_files(implementation)]


def implementation_files(implementation: str) -> list[Path]:
    """An implementation's file, and before it those of the implementations it is made from."""
    module, _ = split(implementation)
    path = IMPLEMENTATIONS / f"{module}.py"
    result: list[Path] = []
    for name in _names_of_implementations(path):
        if (IMPLEMENTATIONS / f"{name}.py").exists() and name != module:
            result += [file for file in implementation_files(name) if file not in result]
    return [*result, path]


@cache
def _names_of_implementations(path: Path) -> tuple[str, ...]:
    """What a file imports from other implementations.  Kept: a workflow asks for every run, a parse takes 10 ms."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lstmbench.implementations"):
            names += [node.module.rpartition(".")[2], *(alias.name for alias in node.names)]
    return tuple(names)


def probe_files(implementation: str) -> list[Path]:
    """The probe of an implementation's framework, if it has one."""
    path = PACKAGE / "probes" / f"{framework(implementation)}.py"
    return [path] if path.exists() else []


def training_hash(task: str, implementation: str) -> str:
    """sha256 over those files' contents, in hex."""
    return hash_json([hash_file(path) for path in training_files(task, implementation)])

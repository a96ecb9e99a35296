"""Say what is installed of the frameworks, without importing them, so that an installation repeats what it changes."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from lstmbench.implementations import split
from lstmbench.orchestration.dependencies import closure
from lstmbench.utils.paths import PACKAGE


def versions(implementation: str) -> list[str]:
    """Return what is installed of the libraries that an implementation imports: jax-0.10.2, "torch is missing".

    The list is empty if the implementation has an environment, because ``installed.txt`` says what that holds.
    """
    _, environment = split(implementation)
    return [] if environment else [_version(library) for library in _libraries(implementation)]


def never_measured(record: Path, implementations: Iterable[str]) -> list[str]:
    """Return the implementations that lack a library here, unless ``record``, a measurement.json, holds their speed.

    So the list shrinks if the library is installed, and does not grow if it is removed.
    """
    lacking = [name for name in implementations if any(map(_is_missing, versions(name)))]
    measured = _measured(record) if lacking else set()
    return [name for name in lacking if name not in measured]


def _measured(record: Path) -> set[str]:
    try:
        return {sample["implementation"] for sample in json.loads(record.read_text(encoding="utf-8"))["samples"]}
    except (OSError, ValueError, KeyError, TypeError):  # no record yet, or none that can be read
        return set()


@cache
def _version(library: str) -> str:
    spec = importlib.util.find_spec(library)
    if spec is None:
        return f"{library} is missing"
    # Not importlib.metadata, which needs a second to find that tensorflow is a module of tensorflow-cpu.
    folder = Path(spec.origin).parent.parent if spec.origin else Path()
    return " ".join(sorted(path.stem for path in folder.glob(f"{library}[-_]*-info"))) or library


def _is_missing(version: str) -> bool:
    return version.endswith(" is missing")


def _libraries(implementation: str) -> list[str]:
    """Return the libraries that an implementation and those that it derives from import."""
    modules = closure((f"implementations.{split(implementation)[0]}",))
    sources = [PACKAGE.joinpath(*name.split(".")) for name in modules if name.startswith("implementations.")]
    found = {name for source in sources for name in _imports(source.with_suffix(".py"))}
    return sorted(found - sys.stdlib_module_names - {PACKAGE.name})


@cache
def _imports(source: Path) -> frozenset[str]:
    """Return the first names of the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(source.read_bytes())))
    whole = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return frozenset(name.partition(".")[0] for name in [*whole, *parts])

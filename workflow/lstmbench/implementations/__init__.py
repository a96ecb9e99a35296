"""Find and import the implementations of ``learner.Learner``; each is one file in this folder.

A name may carry the environment that the implementation runs in (``environment``).  An example is tensorflow-tf2.20:
the module ``tensorflow``, with the versions that config.yaml lists under ``environments`` as tf2.20.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType

from lstmbench.utils.errors import MachineError, UsageError
from lstmbench.utils.validation import require_known


def names() -> list[str]:
    """Return the names of all implementations, in alphabetical order, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")


def split(name: str) -> tuple[str, str]:
    """Return the module of an implementation, and its environment: "" for the one that everything else runs in."""
    module, _, environment = name.partition("-")
    return module, environment


def framework(name: str) -> str:
    """Return the framework that an implementation is written in: its module's name begins with it."""
    return split(name)[0].partition("_")[0]


def distributed(name: str) -> bool:
    """Return whether the module says ``DISTRIBUTED = True``: several workers can share a training run.

    The module is read, not imported.

    Raises:
        UsageError: there is no implementation of this name.
    """
    module, _ = split(name)
    require_known("implementation", module, names())
    source = Path(importlib.util.find_spec(f"{__name__}.{module}").origin).read_text(encoding="utf-8")
    return any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and node.value.value is True
        and any(isinstance(target, ast.Name) and target.id == "DISTRIBUTED" for target in node.targets)
        for node in ast.parse(source).body
    )


def require_shared(implementation: str, batch_size: int, count: int) -> None:
    """Refuse a training run that ``count`` workers cannot share.

    Raises:
        UsageError: the implementation is of one worker only, or the batch has no equal share for each.
    """
    if count > 1 and not distributed(implementation):
        several = filter(distributed, names())
        raise UsageError(f"{count} workers: {implementation} runs with 1; with several: {', '.join(several)}")
    if batch_size % count:
        divisors = [str(number) for number in range(1, batch_size + 1) if batch_size % number == 0]
        raise UsageError(
            f"{count} workers: expected a number that divides the batch_size {batch_size}, so that each gets an equal "
            f"share: {', '.join(divisors)}"
        )


def load(name: str) -> ModuleType:
    """Import one implementation and its framework.

    Raises:
        UsageError: there is no implementation of this name.
        MachineError: its framework cannot be imported here.
    """
    module, _ = split(name)
    require_known("implementation", module, names())
    try:
        return importlib.import_module(f"{__name__}.{module}")
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == __name__.partition(".")[0]:
            raise  # a mistake in our own imports, which no installation fixes
        what = f"install {missing}" if missing else "install its framework again"
        raise MachineError(
            f"implementation {name} cannot be imported: {error}; {what} (envs/ lists what each implementation needs)"
        ) from error

"""One file per implementation of ``learner.Learner``; a file in this folder is all that a new one needs.

A name may carry the environment that the implementation runs in (``environment``), as in tensorflow-tf2.20: the module
``tensorflow``, with the versions that config.yaml lists under ``environments`` as tf2.20.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from lstmbench.errors import MachineError
from lstmbench.names import require_known


def names() -> list[str]:
    """The implementations there are, in alphabetical order; none of them is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def split(name: str) -> tuple[str, str]:
    """The module of an implementation, and its environment: "" for the one that everything else runs in."""
    module, _, environment = name.partition("-")
    return module, environment


def load(name: str) -> ModuleType:
    """Import one implementation, and with it its framework.

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
            raise  # a mistake in our own imports, which no installation mends
        what = f"install {missing}" if missing else "install its framework anew"
        raise MachineError(
            f"implementation {name} cannot be imported: {error}; {what} (envs/ lists what each implementation needs)"
        ) from error

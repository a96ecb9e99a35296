"""Which tests run in one process of pytest-xdist: those of a file, and all that use the shared ``workdir``.

Each process would build the fixture of tests/workflow/conftest.py for itself, which takes more than a minute.
"""

from __future__ import annotations

import ast
import functools

from xdist.scheduler import LoadFileScheduling

from lstmbench.utils.paths import ROOT

SHARED = "workdir"


@functools.cache
def scope(file: str) -> str:
    """Return the name of what runs in one process: ``file``, or ``SHARED`` if it uses the fixture of that name."""
    if not file.startswith("tests/workflow/"):
        return file
    functions = [
        node
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    own = any(function.name == SHARED for function in functions)
    used = any(argument.arg == SHARED for function in functions for argument in function.args.args)
    return SHARED if used and not own else file


class ByScope(LoadFileScheduling):
    """Give each process whole scopes, in the order of their first tests with ``--no-loadscope-reorder``."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(super()._split_scope(nodeid))

"""No function takes more parameters or lines than a reader can hold in mind."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from lstmbench.utils.paths import PACKAGE

MAX_PARAMETERS, MAX_LINES = 6, 60

EXEMPT = ("reporting", "implementations")
"""Folders without a limit: tables in words are long, and formulas have many operands."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    """Yield every function of the package, inner ones included, with its place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if place.parts[0] not in EXEMPT:
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, Function):
                    yield f"{place.as_posix()}:{node.name}", node


def parameters(function: Function) -> int:
    """Count the parameters, keyword-only and variadic ones included, without ``self`` and ``cls``."""
    taken = function.args
    listed = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg]
    return sum(one is not None and one.arg not in ("self", "cls") for one in listed)


def lines(function: Function) -> int:
    """Count the lines from ``def`` to the end, without the docstring."""
    count = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return count
    docstring = function.body[0]
    return count - (docstring.end_lineno - docstring.lineno + 1)


def test_no_function_has_more_than_six_parameters_or_sixty_lines():
    found = [place for place, one in functions() if parameters(one) > MAX_PARAMETERS or lines(one) > MAX_LINES]
    assert found == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(self, a, /, b, *c, d=1, **e): pass", (5, 1)),
        ('def f():\n    """One.\n\n    Two.\n    """\n    return 1', (0, 2)),
        ("@property\ndef f(cls):\n\n    return 1", (0, 3)),
    ],
)
def test_what_is_counted(source, expected):
    (function,) = ast.parse(source).body
    assert (parameters(function), lines(function)) == expected

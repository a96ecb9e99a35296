"""What is shown is computed and judged elsewhere: no statistic, no threshold and no test of a verdict's text."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from lstmbench.statistics.verdict import Kind
from lstmbench.utils.paths import PACKAGE

MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted((PACKAGE / "reporting").rglob("*.py"))}

STATISTICS = {
    "mean", "median", "quantile", "percentile", "std", "var", "sem", "geometric_mean", "agg", "cumsum", "corr", "mode",
    "nanmean", "nanmedian", "fsum", "rank",
}  # fmt: skip
"""Calls that compute a statistic, whatever they are called on."""

TESTS_OF_TEXT = {"startswith", "endswith", "partition", "contains", "match", "fullmatch", "search", "removeprefix"}

THRESHOLDS = (
    "lstmbench.statistics.equivalence",
    "lstmbench.statistics.intervals",
    "lstmbench.statistics.spread",
    "lstmbench.statistics.steady_state",
    "lstmbench.records.interference",
)
"""Modules of judgements and of the numbers that they judge by."""

IN_WORDS = {"reporting/margins.py"}
"""States the thresholds in words; nothing is compared with them there."""

WORDS = {kind.value for kind in Kind} - {""}


def _named(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_of_verdict(node: ast.AST) -> bool:
    """Return whether an expression is a verdict (``row.verdict``, ``row["verdict"]``, ``verdict``) or its text."""
    return any(
        (isinstance(part, ast.expr) and "verdict" in _named(part).lower())
        or (isinstance(part, ast.Constant) and part.value == "verdict")
        for part in ast.walk(node)
    ) and not any(isinstance(part, ast.Attribute) and part.attr in ("kind", "conclusive") for part in ast.walk(node))


def _words(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def _tests_verdict(called: ast.expr, words: set[str]) -> bool:
    if not isinstance(called, ast.Attribute) or called.attr not in TESTS_OF_TEXT:
        return False
    return _is_of_verdict(called.value) or any(word.strip(": ") in WORDS for word in words)


def faults(source: str, name: str = "reporting/some.py") -> Iterator[str]:
    """Yield what a module of ``reporting`` must leave to others, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _named(node.func) in STATISTICS:
            yield f"{node.lineno}: a statistic: {_named(node.func)}"
        if isinstance(node, ast.Call) and _tests_verdict(node.func, _words(node)):
            yield f"{node.lineno}: a test of a verdict's text: {ast.unparse(node)}"
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            texts = set().union(*map(_words, sides)) - {"verdict"}
            if texts & WORDS or (texts and any(map(_is_of_verdict, sides))):
                yield f"{node.lineno}: a test of a verdict's text: {ast.unparse(node)}"
        if isinstance(node, ast.MatchValue) and _words(node) & WORDS:
            yield f"{node.lineno}: a test of a verdict's text: {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and name not in IN_WORDS:
            modules = {node.module or "", *(f"{node.module}.{one.name}" for one in node.names)}
            for module in modules & {*THRESHOLDS}:
                yield f"{node.lineno}: thresholds: {module}"


@pytest.mark.parametrize("name", MODULES)
def test_what_shows_neither_computes_nor_judges(name):
    assert [*faults(MODULES[name].read_text(encoding="utf-8"), name)] == []


@pytest.mark.parametrize(
    "source",
    [
        "off = part['error'].abs().median()",
        "np.quantile(values, 0.9)",
        "table.groupby('epoch').agg(['mean'])",
        "if row.verdict.startswith('failed'): pass",
        "bad = rows[rows['verdict'] != 'good']",
        "if 'failed' in row['quality']: pass",
        "if row['verdict'] == 'different': pass",
        "kinds = rows['verdict'].str.partition(':')[0]",
        "match verdict:\n    case 'faster' | 'slower':\n        pass",
        "text.removeprefix('failed: ')",
        "from lstmbench.statistics.equivalence import MIN_SEEDS",
        "from lstmbench.statistics import intervals",
    ],
)
def test_what_computes_or_judges_is_found(source):
    assert [*faults(source)]


@pytest.mark.parametrize(
    "source",
    [
        "if row['verdict'].kind is Kind.FAILED: pass",
        "match verdict.kind:\n    case Kind.FASTER:\n        pass",
        "text = str(row.verdict)",
        "rows['mean'] = table['mean'].map(shown)",
    ],
)
def test_what_only_shows_is_let_through(source):
    assert not [*faults(source)]

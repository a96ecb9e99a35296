"""Compare bundles case by case, or put many into one table."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from lstmbench.analysis.comparison import LISTABLE, compare, listable, names, require_compared
from lstmbench.analysis.history import ORDERS, history
from lstmbench.records.bundle import Records, read_bundle
from lstmbench.records.tables import write_table
from lstmbench.reporting import comparison
from lstmbench.reporting import history as reported
from lstmbench.reporting.text_tables import write_text_tables
from lstmbench.statistics.verdict import Kind
from lstmbench.utils.errors import UsageError, VerdictError
from lstmbench.utils.files import write_text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="lstm-bench compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("bundles", type=Path, nargs="+", help="zip files; the others are held against the first")
    result.add_argument(
        "--output-dir", type=Path, default=Path("results/comparison"), help="folder of the tables [%(default)s]"
    )
    result.add_argument(
        "--fail-on",
        type=listable,
        default=[],
        metavar="VERDICT[,...]",
        help=f"end with 10 if a case has one of these: {', '.join(LISTABLE)}",
    )
    result.add_argument(
        "--by", choices=ORDERS, help="one table of all bundles instead: a history, or a ranking of machines"
    )
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.by and options.fail_on:
        raise UsageError("--by and --fail-on: expected one of them, found both; --fail-on is for two bundles or more")
    called = names(options.bundles)
    bundles = {name: read_bundle(path) for name, path in zip(called, options.bundles, strict=True)}
    if options.by:
        _history(bundles, options.by, options.output_dir)
    else:
        _compare(bundles, options.fail_on, options.output_dir)


def _history(bundles: Mapping[str, Records], by: str, folder: Path) -> None:
    rows = history(bundles, by)
    write_table(folder / "history.csv", rows)
    title, summary = f"{len(bundles)} bundles by {by}", reported.summary(rows, by)
    parts, notes = reported.shown(rows, by)
    write_text_tables(folder / "history", title, parts, notes)
    page = folder / "history.html"
    write_text(page, comparison.html(title, summary, parts, notes))
    print("\n".join([*summary, f"The whole table: {page}"]))


def _compare(bundles: Mapping[str, Records], fail_on: list[Kind], folder: Path) -> None:
    tables, called = compare(bundles), list(bundles)
    found = comparison.listed(tables, fail_on)
    if not found:
        require_compared(tables)
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table)
    title = f"{' and '.join(called[1:])} against {called[0]}"
    parts, notes = comparison.shown(tables)
    notes.insert(0, f"First: {called[0]}; second: {' or '.join(called[1:])}.")
    write_text_tables(folder / "comparison", title, parts, notes)
    page = folder / "comparison.html"
    summary = comparison.summary(tables)
    write_text(page, comparison.html(title, summary, parts, notes))
    print("\n".join([*summary, *comparison.not_compared(tables)]))
    print(f"The whole comparison: {page}")
    if found:
        raise VerdictError(f"{title}: expected no verdict that --fail-on lists, found {found}; see {page}")

"""Compare two or more bundles case by case."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.analysis.comparison import LISTABLE, compare, listable, names, require_compared
from lstmbench.records.bundle import read_bundle
from lstmbench.records.tables import write_table
from lstmbench.reporting import comparison
from lstmbench.reporting.text_tables import write_text_tables
from lstmbench.utils.errors import VerdictError
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
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    called = names(options.bundles)
    tables = compare({name: read_bundle(path) for name, path in zip(called, options.bundles, strict=True)})
    found = comparison.listed(tables, options.fail_on)
    if not found:
        require_compared(tables)
    for name, table in tables.items():
        write_table(options.output_dir / f"{name}.csv", table)
    title = f"{' and '.join(called[1:])} against {called[0]}"
    parts, notes = comparison.shown(tables)
    notes.insert(0, f"First: {called[0]}; second: {' or '.join(called[1:])}.")
    write_text_tables(options.output_dir / "comparison", title, parts, notes)
    page = options.output_dir / "comparison.html"
    summary = comparison.summary(tables)
    write_text(page, comparison.html(title, summary, parts, notes))
    print("\n".join([*summary, *comparison.not_compared(tables)]))
    print(f"The whole comparison: {page}")
    if found:
        raise VerdictError(f"{title}: expected no verdict that --fail-on lists, found {found}; see {page}")

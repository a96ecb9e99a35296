"""Compare speeds with more and with fewer workers or threads."""

from __future__ import annotations

import argparse

from lstmbench.analysis.scaling import SCALED, scaling
from lstmbench.commands._arguments import add
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import scaling as present_scaling
from lstmbench.reporting.text_tables import write_text_tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--of", choices=list(SCALED), required=True, help="what there is more of")
    add(result, "--tables")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    scaled = SCALED[options.of]
    table = scaling(scaled, read_table(options.tables / f"{scaled.source}.parquet"))
    write_table(options.tables / f"{scaled.count}.csv", table)
    words = present_scaling.WORDS[options.of]
    notes = [words.empty if table.empty else words.note]
    write_text_tables(options.tables / scaled.count, words.title, present_scaling.by_dataset(scaled, table), notes)

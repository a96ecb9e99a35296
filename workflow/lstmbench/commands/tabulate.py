"""Compute means, differences and time to quality."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.analysis.quality import differences, environment, milestones, number_machines, quality, time_to_quality
from lstmbench.commands._arguments import add
from lstmbench.records.published import read_published, read_targets
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import quality as present
from lstmbench.reporting.text_tables import write_text_tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--tables")
    result.add_argument("--published", type=Path, required=True, help="published.tsv")
    result.add_argument("--targets", type=Path, required=True, help="targets.tsv")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    folder = options.tables
    published = read_published(options.published)
    targets = read_targets(options.targets, published)
    runs = number_machines(read_table(folder / "runs.parquet"))
    results = {
        "quality": quality(runs, read_table(folder / "failures.parquet"), published),
        "differences": differences(runs),
        "environment": environment(runs),
        "milestone_means": milestones(runs, read_table(folder / "milestones.parquet"), published),
        "time_to_quality": time_to_quality(runs, read_table(folder / "history.parquet"), targets),
    }
    for name, table in results.items():
        write_table(folder / f"{name}.csv", table)
        write_text_tables(
            folder / name, present.TITLES[name], present.by_dataset(name, table), present.notes(name, table)
        )

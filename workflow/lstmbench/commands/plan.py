"""Predict time, memory and disk of all runs on this machine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench import present_plan
from lstmbench.plan import errors, plan
from lstmbench.record import failed, read_record
from lstmbench.selection import checked
from lstmbench.shown import write_shown
from lstmbench.tables import write_table


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench plan", description=__doc__)
    result.add_argument("--selection", required=True, help="the configuration, as JSON with the keys of config.yaml")
    result.add_argument("--data", type=Path, required=True, help="folder of the prepared data sets, results/data")
    result.add_argument("--calibrations", type=Path, required=True, help="folder of the samples of all cells")
    result.add_argument("--output-dir", type=Path, required=True, help="folder of plan.csv, error.csv and their .md")
    return result


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    selection = checked(json.loads(arguments.selection))
    rows, unplanned = plan(selection, arguments.data, arguments.calibrations)
    disturbed = present_plan.disturbed_in_words(rows, arguments.calibrations)
    words = [*unplanned, *disturbed, *present_plan.plan_in_words(rows, selection)]
    write_table(arguments.output_dir / "plan.csv", rows)
    write_shown(arguments.output_dir / "plan", "Plan", {"": present_plan.plan_as_text(rows)}, words)
    finished = filter(Path.exists, selection.records())
    records = [record for record in map(read_record, finished) if not failed(record)]
    found = errors(rows, records)
    write_table(arguments.output_dir / "error.csv", found)
    write_shown(arguments.output_dir / "error", "Plan against finished runs", *present_plan.errors_as_text(found))
    names = ["plan", "error"] if records else ["plan"]
    print("\n".join((arguments.output_dir / f"{name}.md").read_text(encoding="utf-8") for name in names))

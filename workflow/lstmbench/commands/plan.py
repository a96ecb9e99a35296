"""Predict time, memory and disk of all runs on this machine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.analysis.forecast import errors, plan
from lstmbench.commands._arguments import add
from lstmbench.orchestration.config import checked
from lstmbench.records.run import read_record
from lstmbench.records.run_record import RunRecord
from lstmbench.records.tables import write_table
from lstmbench.reporting import forecast
from lstmbench.reporting.text_tables import write_text_tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--selection")
    add(result, "--data")
    result.add_argument("--calibrations", type=Path, required=True, help="folder of the samples of all cases")
    result.add_argument("--output-dir", type=Path, required=True, help="folder of plan.csv, error.csv and their .md")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    selection = checked(json.loads(options.selection))
    rows, unplanned = plan(selection, options.data, options.calibrations)
    disturbed = forecast.disturbed_in_words(rows, options.calibrations)
    words = [*unplanned, *disturbed, *forecast.plan_in_words(rows, selection)]
    write_table(options.output_dir / "plan.csv", rows)
    write_text_tables(options.output_dir / "plan", "Plan", {"": forecast.plan_as_text(rows)}, words)
    finished = map(read_record, filter(Path.exists, selection.records()))
    records = [record for record in finished if isinstance(record, RunRecord)]
    found = errors(rows, records)
    write_table(options.output_dir / "error.csv", found)
    write_text_tables(options.output_dir / "error", "Plan against finished runs", *forecast.errors_as_text(found))
    names = ["plan", "error"] if records else ["plan"]
    print("\n".join((options.output_dir / f"{name}.md").read_text(encoding="utf-8") for name in names))

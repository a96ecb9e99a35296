"""Compare the results with those of the kept machines."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from lstmbench.analysis.against_baselines import against, paths_of
from lstmbench.commands._arguments import add
from lstmbench.records.bundle import records, unpacked
from lstmbench.records.paths import GROUP_COLUMNS, RUN_COLUMNS
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import comparison
from lstmbench.reporting.text_tables import write_text_tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("bundles", type=Path, nargs="*", help="of the baseline machines, or folders of them")
    result.add_argument("--results", type=Path, required=True, help="folder of the runs and measurements here")
    add(result, "--tables")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    # Folders may also hold what another selection left.
    of_here = paths_of(
        read_table(options.tables / "runs.parquet")[RUN_COLUMNS].itertuples(index=False, name=None),
        read_table(options.tables / "speed.parquet")[GROUP_COLUMNS].itertuples(index=False, name=None),
    )
    baselines, shared = {}, set()
    folders = [[path] if path.suffix == ".zip" else sorted(path.glob("*.zip")) for path in options.bundles]
    for bundle in itertools.chain.from_iterable(folders):
        with unpacked(bundle) as folder:
            common = of_here & {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}
            baselines[bundle.stem] = records(folder, common)
            shared |= common
    tables = against(baselines, records(options.results, shared))
    for name, table in tables.items():
        write_table(options.tables / f"baseline_{name}.csv", table)
        parts, notes = comparison.shown({name: table})
        write_text_tables(
            options.tables / f"baseline_{name}",
            comparison.TITLE_OF_BASELINES,
            parts,
            [comparison.SIDES_OF_BASELINES, *notes],
        )

"""Against reference: the results of this configuration beside those of the machines whose bundles are kept.

Cells that both have are compared as ``compare`` does, the reference first; cells that only one side has are left out.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from lstmbench import compare, present_compare
from lstmbench.bundle import Records, records, unpacked
from lstmbench.cli import run
from lstmbench.selection import RECORD
from lstmbench.shown import write_shown
from lstmbench.tables import RUN, read_table, write_table

TITLE = "Here beside the reference machines"
SIDES = "First: the machine that a bundle in results/reference names; second: here. What both have is compared."
TABLES = ("quality", "speed", "circumstances")

GROUP = ["dataset", "size", "device"]
"""What names a measurement."""


def against(references: Mapping[str, Records], here: Records) -> dict[str, pd.DataFrame]:
    """The tables of ``compare``, less the cells of one side; ``bundle``: the reference, first: it, second: here.

    References that share no cell with what is here are left out.
    """
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for name, reference in references.items():
        others = {name: here}
        tables = {
            "quality": _shared(compare.quality(reference.runs, {name: here.runs})),
            "speed": _shared(compare.speed(reference.measurements, {name: here.measurements})),
        }
        if any(len(table) for table in tables.values()):
            for kind, table in (tables | {"circumstances": compare.circumstances(reference, others)}).items():
                found[kind].append(table)
    empty = {"quality": compare.QUALITY, "speed": compare.SPEED, "circumstances": compare.CIRCUMSTANCES}
    return {
        kind: pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=empty[kind])
        for kind, parts in found.items()
    }


def _shared(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["verdict"].str.startswith(compare.NOT_COMPARED + compare.ONE_SIDED)]


def paths(runs: Iterable[tuple], groups: Iterable[tuple]) -> set[str]:
    """Where the records of runs (``RUN``) and measurements (``GROUP``) lie below a results folder."""
    of_runs = {RECORD.format(**dict(zip(RUN, run, strict=True))) for run in runs}
    return of_runs | {"measurements/{}/{}/{}/measurement.json".format(*group) for group in groups}


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.against_reference", description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="*", help="of the reference machines, or folders of them")
    parser.add_argument("--results", type=Path, required=True, help="folder of the runs and measurements here")
    parser.add_argument("--tables", type=Path, required=True, help="folder of their tables, and of the result")
    options = parser.parse_args(argv)
    # Folders may also hold what another selection left.
    of_here = paths(
        read_table(options.tables / "runs.parquet")[RUN].itertuples(index=False, name=None),
        read_table(options.tables / "speed.parquet")[GROUP].itertuples(index=False, name=None),
    )
    references, shared = {}, set()
    folders = [[path] if path.suffix == ".zip" else sorted(path.glob("*.zip")) for path in options.bundles]
    for bundle in itertools.chain.from_iterable(folders):
        with unpacked(bundle) as folder:
            common = of_here & {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}
            references[bundle.stem] = records(folder, common)
            shared |= common
    tables = against(references, records(options.results, shared))
    for name, table in tables.items():
        write_table(options.tables / f"reference_{name}.csv", table)
        parts, notes = present_compare.shown({name: table})
        write_shown(options.tables / f"reference_{name}", TITLE, parts, [SIDES, *notes])


if __name__ == "__main__":
    sys.exit(run(main))

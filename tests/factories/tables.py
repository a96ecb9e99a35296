"""Tables of made-up records, as ``collect`` and ``tabulate`` make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench.records.tables import read_table
from lstmbench.utils.paths import WORKFLOW
from tests.factories.records import save
from tests.helpers.run_command import run_command

PUBLISHED = WORKFLOW / "published.tsv"
TARGETS = WORKFLOW / "targets.tsv"


def make_tables(
    folder: Path, *records: dict[str, Any], published: Path = PUBLISHED, targets: Path = TARGETS
) -> dict[str, pd.DataFrame]:
    """Collect and tabulate these records into ``folder/tables``; return the tables by name."""
    tables = folder / "tables"
    run_command("collect", ["--output-dir", str(tables), *map(str, save(folder, *records))])
    run_command("tabulate", ["--tables", str(tables), "--published", str(published), "--targets", str(targets)])
    return {path.stem: read_table(path) for path in tables.glob("*.csv")}

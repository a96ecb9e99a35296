"""Read, write and check a measurement: the reports of all processes of one group of cases, unchanged.

A group is what may be compared: one data set, size, device and number of threads.  Two files, written together:

    measurement.json   the samples (phases, counters, memory, details) and their circumstances;
                       every key is described in workflow/schemas/measurement.schema.json
    blocks.parquet     every timed block: round, attempt, implementation, block, steps, seconds
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench.records.consistency import raise_first_failure
from lstmbench.records.measurement_consistency import checks_of_measurement
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import atomic, write_json
from lstmbench.utils.json_schema import check, read_json

SCHEMA = "measurement.schema.json"
SCHEMA_VERSION = 2
"""As in ``run``."""

BLOCK_COLUMNS = ["round", "attempt", "implementation", "block", "steps", "seconds"]


@dataclass(frozen=True)
class Measurement:
    """record: measurement.json; blocks: one row per timed block, with the columns of ``BLOCK_COLUMNS``."""

    record: dict[str, Any]
    blocks: pd.DataFrame


def write_measurement(path: Path, measurement: Measurement) -> None:
    """Write measurement.json to ``path`` and blocks.parquet beside it; the JSON last.

    Raises:
        DataError: not of the schema; nothing is written then.
    """
    check_measurement(path, measurement)
    with atomic(path.with_name("blocks.parquet")) as temporary:
        measurement.blocks.to_parquet(temporary, compression="zstd", index=False)
    write_json(path, measurement.record)


def read_measurement(path: Path) -> Measurement:
    """Read and check both files.

    Raises:
        DataError: missing, damaged, not of the schema, or blocks at odds with the samples.
    """
    record = read_json(path)
    file = path.with_name("blocks.parquet")
    try:
        blocks = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: not readable as a table of blocks: {error}. Delete {path} and measure again."
        ) from error
    measurement = Measurement(record, blocks)
    check_measurement(path, measurement)
    return measurement


def check_measurement(path: Path, measurement: Measurement) -> None:
    """Check a measurement as ``read_measurement`` does, before it is at ``path``.

    Raises:
        DataError: not of the schema, or blocks at odds with the samples.
    """
    check(path, measurement.record, SCHEMA)
    blocks = measurement.blocks
    if list(blocks.columns) != BLOCK_COLUMNS:
        raise DataError(f"{path}: expected the blocks' columns {BLOCK_COLUMNS}, found {list(blocks.columns)}")
    if not ((blocks["seconds"] > 0) & (blocks["steps"] > 0)).all():
        raise DataError(f"{path}: a block without steps, or that took no time")
    raise_first_failure(path, checks_of_measurement(measurement.record, blocks))

"""Read, write and check a measurement: the reports of all processes of one group of cases, unchanged.

A group is what may be compared: one data set, size, device and number of threads.  Two files, written together:

    measurement.json   the samples (phases, counters, memory, details) and their circumstances
                       (``measurement_record``)
    blocks.parquet     every timed block: round, attempt, implementation, block, steps, seconds
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench.records.consistency import raise_first_failure
from lstmbench.records.measurement_consistency import checks_of_measurement
from lstmbench.records.measurement_record import Block, MeasurementRecord, ProcessSample
from lstmbench.records.version import require_known_version
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import atomic, write_json
from lstmbench.utils.strict_json import read_json

BLOCK_COLUMNS = ["round", "attempt", "implementation", "block", *Block.__struct_fields__]


@dataclass(frozen=True)
class Measurement:
    """record: measurement.json; blocks: one row per timed block, with the columns of ``BLOCK_COLUMNS``."""

    record: MeasurementRecord
    blocks: pd.DataFrame

    @property
    def last_attempts(self) -> list[ProcessSample]:
        """Return the samples that count: of a process that was repeated only the last."""
        return [*{(sample.implementation, sample.round): sample for sample in self.record.samples}.values()]


def write_measurement(path: Path, measurement: Measurement) -> None:
    """Write measurement.json to ``path`` and blocks.parquet beside it; the JSON last.

    Raises:
        DataError: not of its type; nothing is written then.
    """
    check_measurement(path, measurement)
    with atomic(path.with_name("blocks.parquet")) as temporary:
        measurement.blocks.to_parquet(temporary, compression="zstd", index=False)
    write_json(path, plain(measurement.record))


def read_measurement(path: Path) -> Measurement:
    """Read and check both files.

    Raises:
        DataError: missing, damaged, not of its type, or blocks at odds with the samples.
    """
    content = read_json(path)
    file = path.with_name("blocks.parquet")
    try:
        blocks = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: not readable as a table of blocks: {error}. Delete {path} and measure again."
        ) from error
    return _checked(path, content, blocks)


def check_measurement(path: Path, measurement: Measurement) -> None:
    """Check a measurement as ``read_measurement`` does, before it is at ``path``.

    Raises:
        DataError: not of its type, or blocks at odds with the samples.
    """
    _checked(path, plain(measurement.record), measurement.blocks)


def _checked(path: Path, content: Any, blocks: pd.DataFrame) -> Measurement:
    """Return the measurement of a measurement.json with this ``content`` and these ``blocks``, if it can be true."""
    require_known_version(path, content)
    record = converted(content, MeasurementRecord, path)
    if list(blocks.columns) != BLOCK_COLUMNS:
        raise DataError(f"{path}: expected the blocks' columns {BLOCK_COLUMNS}, found {list(blocks.columns)}")
    if not ((blocks["seconds"] > 0) & (blocks["steps"] > 0)).all():
        raise DataError(f"{path}: a block without steps, or that took no time")
    raise_first_failure(path, checks_of_measurement(record, blocks))
    return Measurement(record, blocks)

"""Read, write and check run.json, the record of one training run; it is checked each time it is read or written.

``run_record`` defines the format, with a description and a unit for every key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstmbench.records import paths
from lstmbench.records.consistency import raise_first_failure
from lstmbench.records.run_consistency import checks_of_run
from lstmbench.records.run_record import Facts, FailedRun, RunName, RunRecord
from lstmbench.records.version import require_known_version
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import write_json
from lstmbench.utils.strict_json import parse_json, read_json

RECORD = Path(paths.RUN).name
"""A run's record, in the run's folder."""

MODEL = "model.safetensors"
"""The final weights of the run, beside its record, under canonical names; final_weights_sha256 is their hash."""


def read_record(path: Path) -> RunRecord | FailedRun:
    """Read and check a run.json of a complete or failed run.

    Raises:
        DataError: missing, not JSON, not of its type, or at odds with itself or with its path.
    """
    return checked_record(path, read_json(path))


def read_complete(path: Path) -> RunRecord:
    """Read and check a run.json as ``read_record`` does, and refuse that of a failed run.

    Raises:
        DataError: as for ``read_record``, or the run failed.
    """
    record = read_record(path)
    if isinstance(record, FailedRun):
        raise DataError(f"{path}: expected a complete run, found one that failed: {record.failure.message}")
    return record


def write_record(path: Path, record: RunRecord | FailedRun) -> None:
    """Check a record and write it atomically.

    Raises:
        DataError: as for ``read_record``; nothing is written then.
    """
    require_readable(path, record)
    write_json(path, plain(record))


def require_readable(path: Path, record: RunRecord | FailedRun) -> None:
    """Refuse a record that could not be read back from ``path``: what JSON, its types or its values would refuse.

    Raises:
        DataError: as for ``read_record``.
    """
    checked_record(path, parse_json(json.dumps(plain(record)), path))


def checked_record(path: Path, content: Any) -> RunRecord | FailedRun:
    """Return the record that ``content``, as JSON holds it, is; check it as ``read_record`` does.

    Raises:
        DataError: as for ``read_record``.
    """
    require_known_version(path, content)
    if isinstance(content, Mapping) and "failure" in content:
        failure = converted(content, FailedRun, path)
        _check_path(path, failure.run)
        return failure
    record = converted(content, RunRecord, path)
    converted(record.data.facts, Facts, f"{path}: $.data.facts")
    raise_first_failure(path, checks_of_run(record))
    _check_path(path, record.run)
    return record


def require_weights_of(record: RunRecord, sha256: str, path: Path, advice: str) -> None:
    """Refuse a model at ``path`` whose weights, by their hash, are not those that the run ended with.

    Raises:
        DataError: names both hashes and ends with the advice.
    """
    if sha256 != record.final_weights_sha256:
        raise DataError(
            f"{path}: expected the weights that its run ended with ({record.final_weights_sha256}), found others "
            f"({sha256}); {advice}"
        )


def _check_path(path: Path, run: RunName) -> None:
    for name, expected in paths.parts_of(path, paths.RUN).items():
        found = getattr(run, name)
        if str(found) != expected:
            raise DataError(
                f"{path} at $.run.{name}: expected {expected!r} as in its path, found {found!r}. "
                "A record stays where it was written."
            )

"""Read, write and check run.json, the record of one training run; it is checked each time it is read or written.

``workflow/schemas/run.schema.json`` defines the format, with a description and a unit for every key;
``failure.schema.json`` beside it does so for a failed run.  A record is a plain dict of one of these forms.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lstmbench.records.consistency import raise_first_failure
from lstmbench.records.run_consistency import checks_of_run
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import write_json
from lstmbench.utils.json_schema import check, read_json

SCHEMA_VERSION = 2
"""The version that is written; the schemas list those that are read.  A version only adds optional keys, so that older
records stay valid."""

MODEL = "model.safetensors"
"""The final weights of the run, beside its record, under canonical names; final_weights_sha256 is their hash."""

_RUN_PATH = re.compile(
    r"/runs/(?P<dataset>[^/]+)/(?P<size>[^/]+)/(?P<implementation>[^/]+)/(?P<device>[^/]+)/seed-(?P<seed>\d+)/run\.json$"
)


def failed(record: dict[str, Any]) -> bool:
    """Return whether the record is of a failed run, with the reason instead of results."""
    return "failure" in record


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a run.json of a complete or failed run.

    Raises:
        DataError: missing, not JSON, not of the schema, or at odds with itself or with its path.
    """
    record = read_json(path)
    check_record(path, record)
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Check a record and write it atomically.

    Raises:
        DataError: as for ``read_record``; nothing is written then.
    """
    check_record(path, record)
    write_json(path, record)


def check_record(path: Path, record: Any) -> None:
    """Check a record as ``read_record`` does, before it is at ``path``.

    Raises:
        DataError: as for ``read_record``.
    """
    if isinstance(record, dict) and failed(record):
        check(path, record, "failure.schema.json")
    else:
        check(path, record, "run.schema.json")
        raise_first_failure(path, checks_of_run(record))
    _check_path(path, record["run"])


def _check_path(path: Path, run: dict[str, Any]) -> None:
    match = _RUN_PATH.search(f"/{path.as_posix()}")
    for name, expected in match.groupdict().items() if match else ():
        if str(run[name]) != expected:
            raise DataError(
                f"{path} at $.run.{name}: expected {expected!r} as in its path, found {run[name]!r}. "
                "A record stays where it was written."
            )

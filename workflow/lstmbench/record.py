"""run.json: the record of one training run, checked when it is written and whenever it is read.

The format, with a description and a unit for every key, is ``workflow/schemas/run.schema.json``; a record
is a plain dict of that form.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match

from lstmbench.errors import DataError
from lstmbench.files import write_json

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "run.schema.json"

SCHEMA_VERSION = 1

# Both are computed in double precision from one another; anything further apart was edited.
PERPLEXITY_TOLERANCE = 1e-6

_RUN_PATH = re.compile(
    r"/runs/(?P<dataset>[^/]+)/(?P<size>[^/]+)/(?P<implementation>[^/]+)/(?P<device>[^/]+)/seed-(?P<seed>\d+)/run\.json$"
)


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a run.json.

    Raises:
        DataError: missing, not JSON, not of the schema, or at odds with itself or with its path.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse, parse_float=_finite)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. Run the workflow again to make it.") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}. Delete it and run the workflow again.") from error
    _check(path, record)
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Check a record and write it atomically.

    Raises:
        DataError: as for ``read_record``; nothing is written then.
    """
    _check(path, record)
    write_json(path, record)


def _check(path: Path, record: Any) -> None:
    found = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(found, int) and found != SCHEMA_VERSION:
        raise DataError(
            f"{path} at $.schema_version: expected {SCHEMA_VERSION}, found {found}. "
            "It was written by another version of lstm-bench: use that one, or delete the file and run again."
        )
    error = best_match(_validator().iter_errors(record))
    if error is not None:
        raise DataError(f"{path} at {error.json_path}: {_explain(error)}")
    _check_perplexities(path, record)
    _check_order(path, record)
    _check_path(path, record["run"])


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _explain(error: jsonschema.ValidationError) -> str:
    found = _short(error.instance)
    if error.validator == "not":
        return f"expected no such key for this task, found {found}"
    if error.validator in ("required", "additionalProperties", "propertyNames"):
        return error.message
    return f"expected {error.validator} {_short(error.validator_value)}, found {found}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _check_perplexities(path: Path, record: dict[str, Any]) -> None:
    places = [("$.final", record["final"], "loss", "perplexity")]
    for index, row in enumerate(record["history"]):
        for split in ("train", "valid"):
            places.append((f"$.history[{index}]", row, f"{split}_loss", f"{split}_perplexity"))
    for where, values, loss, perplexity in places:
        if perplexity not in values:
            continue
        try:
            expected = math.exp(values[loss])
        except OverflowError:
            expected = math.inf
        if not math.isclose(values[perplexity], expected, rel_tol=PERPLEXITY_TOLERANCE):
            raise DataError(
                f"{path} at {where}.{perplexity}: expected exp({loss}) = {expected:.9g}, found {values[perplexity]!r}"
            )


def _check_order(path: Path, record: dict[str, Any]) -> None:
    epochs = [row["epoch"] for row in record["history"]]
    if epochs != list(range(1, len(epochs) + 1)):
        raise DataError(f"{path} at $.history: expected epochs 1 to {len(epochs)} in order, found {epochs}")
    updates = [row["updates"] for row in record["history"]]
    if updates != sorted(set(updates)):
        raise DataError(f"{path} at $.history: expected updates to grow from epoch to epoch, found {_short(updates)}")
    speed = record["speed"]
    quartiles = [speed[name] for name in ("p25", "median", "p75")]
    measured = speed["blocks"] > 0
    if any((value is not None) != measured for value in quartiles) or (measured and quartiles != sorted(quartiles)):
        raise DataError(
            f"{path} at $.speed: expected p25 <= median <= p75, all null without blocks; "
            f"found {quartiles} over {speed['blocks']} blocks"
        )


def _check_path(path: Path, run: dict[str, Any]) -> None:
    match = _RUN_PATH.search(f"/{path.as_posix()}")
    for name, expected in match.groupdict().items() if match else ():
        if str(run[name]) != expected:
            raise DataError(
                f"{path} at $.run.{name}: expected {expected!r} as in its path, found {run[name]!r}. "
                "A record stays where it was written."
            )


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large for a number")
    return value

"""run.json: the record of one training run, checked when it is written and whenever it is read.

The format, with a description and a unit for every key, is ``workflow/schemas/run.schema.json``; a record
is a plain dict of that form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lstmbench.errors import DataError
from lstmbench.files import hash_json, write_json
from lstmbench.presets import Preset
from lstmbench.schemas import check, read_json, short

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
    record = read_json(path)
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
    check(path, record, "run.schema.json", SCHEMA_VERSION)
    _check_perplexities(path, record)
    _check_order(path, record)
    _check_path(path, record["run"])
    for where, found, expected, because in _relations(record):
        if found != expected:
            raise DataError(f"{path} at {where}: expected {short(expected)}, {because}; found {short(found)}")


def _relations(record: dict[str, Any]) -> Iterator[tuple[str, Any, Any, str]]:
    """Place, value, what it must be and why, for every value that follows from others."""
    settings, history = record["settings"], record["history"]
    yield "$.settings_sha256", record["settings_sha256"], hash_json(settings), "the hash of the settings"
    preset = Preset(**settings["preset"])
    windows = preset.num_steps if record["data"]["task"] == "language_model" else 1
    before = 0
    for index, row in enumerate(history):
        here = f"$.history[{index}]"
        rate = preset.learning_rate_at(row["epoch"])
        yield f"{here}.learning_rate", row["learning_rate"], rate, "by the preset's schedule"
        trained = (row["updates"] - before) * preset.batch_size * windows
        yield f"{here}.train_predictions", row["train_predictions"], trained, "by its updates"
        same = history[0]["valid_predictions"]
        yield f"{here}.valid_predictions", row["valid_predictions"], same, "as in the first epoch"
        before = row["updates"]
    cut = {words.partition(" ")[0] for words in record["caps"]}
    if "trained" not in cut:
        yield "$.history", len(history), preset.epochs, "epochs of a run that is not capped"
    if settings["max_updates"] is not None:
        yield "$.history", before <= settings["max_updates"], True, "no more updates than the cap"
    yield "$.caps", "evaluated" in cut, settings["max_eval_predictions"] is not None, "as the settings say"
    times = math.fsum(row["train_seconds"] for row in history)
    total = record["speed"]["train_seconds"]
    yield "$.speed.train_seconds", math.isclose(times, total, rel_tol=1e-6), True, "the sum over the epochs"
    first = record["speed"]["first_step_seconds"]
    yield "$.speed.first_step_seconds", first is None or first <= total, True, "no longer than the training"
    initial, final = record["initial_weights_sha256"], record["final_weights_sha256"]
    yield "$.final_weights_sha256", initial != final, True, "other than the initial one, after training"
    for index, row in enumerate(record["milestones"]):
        yield f"$.milestones[{index}].updates", row["updates"] <= before, True, "no more than the run's"


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
        raise DataError(f"{path} at $.history: expected updates to grow from epoch to epoch, found {short(updates)}")
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

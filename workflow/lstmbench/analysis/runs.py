"""Collect the records of all runs into tables with one row per run, epoch, milestone, settings and failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from msgspec import UNSET
from msgspec.structs import asdict

from lstmbench.records.columns import kind_columns, machine_columns, versions_column
from lstmbench.records.interference import limits
from lstmbench.records.paths import RUN_COLUMNS
from lstmbench.records.run import read_record
from lstmbench.records.run_record import Epoch, Facts, FailedRun, Milestone, RunName, RunRecord
from lstmbench.statistics.perplexity import perplexity
from lstmbench.utils.errors import DataError

MILESTONE = ["updates", "protocol", "loss", "accuracy", "predictions"]
HISTORY = [
    "epoch", "learning_rate", "updates", "train_loss", "train_perplexity", "train_predictions", "train_seconds",
    "valid_loss", "valid_perplexity", "valid_accuracy", "valid_predictions", "valid_seconds",
    "train_joules",
]  # fmt: skip

MAX_REASONS = 5
"""Reasons that an error lists if every run failed."""

Row = Mapping[str, object]
"""A row of a table, by column."""


def collect(paths: Iterable[Path]) -> dict[str, pd.DataFrame]:
    """Return the tables runs, history, milestones, settings and failures of the records at ``paths``.

    Raises:
        DataError: no path, a record that is missing or bad, two records of one run, or no run that ended well; or texts
            that were read by words beside texts that were read by characters.
    """
    records: dict[tuple[str, str, str, str, int], RunRecord | FailedRun] = {}
    origins: dict[RunName, Path] = {}
    for path in paths:
        record = read_record(path)
        if record.run in origins:
            raise DataError(f"{path}: the run {record.run} was already read from {origins[record.run]}")
        records[record.run.parts], origins[record.run] = record, path
    if not records:
        raise DataError("no run.json given: there is nothing to collect")
    every = [record for _, record in sorted(records.items())]
    failures = [record for record in every if isinstance(record, FailedRun)]
    ordered = [record for record in every if isinstance(record, RunRecord)]
    if not ordered:
        raise DataError(f"every run failed: {_reasons(failures)}")
    _require_one_level(ordered)
    runs = pd.DataFrame([_run_row(record) for record in ordered])
    history = [_named(record.run, row) for record in ordered for row in record.history]
    milestones = [_named(record.run, row) for record in ordered for row in record.milestones]
    settings = [_settings_row(record) for record in ordered]
    return {
        "runs": runs,
        "history": pd.DataFrame(history, columns=RUN_COLUMNS + HISTORY),
        "milestones": pd.DataFrame(milestones, columns=RUN_COLUMNS + MILESTONE),
        "settings": pd.DataFrame(settings).drop_duplicates(),
        "failures": pd.DataFrame(map(_failure_row, failures), columns=[*RUN_COLUMNS, "task", "exit_code", "failure"]),
    }


def _named(name: RunName, row: Epoch | Milestone) -> Row:
    return {**asdict(name), **asdict(row)}


def _failure_row(record: FailedRun) -> Row:
    failure = record.failure
    return asdict(record.run) | {"task": record.task, "exit_code": failure.exit_code, "failure": failure.message}


def _reasons(failures: Iterable[FailedRun]) -> str:
    """Return the different reasons of the failures on one line, and the number of those left out."""
    reasons = list(dict.fromkeys(record.failure.message for record in failures))
    more = [f"{len(reasons) - MAX_REASONS} more reasons"] if len(reasons) > MAX_REASONS else []
    return "; ".join([*reasons[:MAX_REASONS], *more])


def _level(record: RunRecord) -> str:
    """Return what a perplexity is per: word or character; empty for images."""
    return record.data.level if record.data.task == "language_model" else ""


def _require_one_level(records: Iterable[RunRecord]) -> None:
    """Refuse a perplexity per word and one per character in the same table, because they cannot be compared."""
    levels = {level: record.run for record in records if (level := _level(record))}
    if len(levels) > 1:
        found = " and ".join(f"{run} by {level}s" for level, run in sorted(levels.items()))
        raise DataError(
            "expected records of texts that were all read by words, or all by characters, because their perplexities "
            f"cannot be compared, found {found}; give each kind a folder of results"
        )


def _floors(facts: Facts) -> dict[str, float | None]:
    """Return the perplexities of a generated text's own source: on average, and on the words of the test split."""
    on_test = facts.source_cross_entropy_nats_test
    return {
        "source_perplexity": None if facts.floor_perplexity is UNSET else facts.floor_perplexity,
        "source_test_perplexity": None if on_test is UNSET else perplexity(on_test),
    }


def _run_row(record: RunRecord) -> Row:
    last, final, speed = record.history[-1], record.final, record.speed
    memory, settings = record.memory, record.settings
    device_bytes = memory.peak_device_bytes
    held_back = limits(speed.throttled_share, speed.reachable_cores, settings.threads)
    return asdict(record.run) | {
        "task": record.data.task,
        "level": _level(record),
        "about": record.data.facts.get("about", ""),
        "caps": "; ".join(record.caps),
        "resumed": record.resumed,
        "parameters": record.parameters,
        "updates": last.updates,
        "epochs": last.epoch,
        "test_loss": final.loss,
        "test_perplexity": final.perplexity,
        "test_accuracy": final.accuracy,
        "test_predictions": final.predictions,
        "valid_loss": last.valid_loss,
        "valid_perplexity": last.valid_perplexity,
        "valid_accuracy": last.valid_accuracy,
        "train_loss": last.train_loss,
        "train_perplexity": last.train_perplexity,
        **_floors(record.data.known_facts),
        "speed_median": speed.median,
        "speed_p25": speed.p25,
        "speed_p75": speed.p75,
        "speed_unit": speed.unit,
        "speed_blocks": speed.blocks,
        "import_seconds": speed.import_seconds,
        "build_seconds": speed.build_seconds,
        "first_step_seconds": speed.first_step_seconds,
        "train_seconds": speed.train_seconds,
        "peak_rss_mb": memory.peak_rss_bytes / 1e6,
        "peak_device_mb": None if device_bytes is None else device_bytes / 1e6,
        "threads": settings.threads,
        "dtype": settings.dtype,
        **machine_columns(record.machine),
        **kind_columns(record.machine, record.run.device),
        "limited": "; ".join(held_back),
        "node": record.machine.node,
        "versions": versions_column(record.versions),
        "commit": record.commit,
        "commit_dirty": int(record.commit_dirty),
        "settings_sha256": record.settings_sha256,
        "data_sha256": record.data.sha256,
        "initial_weights_sha256": record.initial_weights_sha256,
        "final_weights_sha256": record.final_weights_sha256,
        "started": record.started,
        "finished": record.finished,
    }


def _settings_row(record: RunRecord) -> Row:
    others = {name: value for name, value in asdict(record.settings).items() if name != "preset"}
    name = {"dataset": record.run.dataset, "size": record.run.size, "settings_sha256": record.settings_sha256}
    row = name | asdict(record.settings.preset) | others
    return {key: "" if value is None else value for key, value in row.items()}

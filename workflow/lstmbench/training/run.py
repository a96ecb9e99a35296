"""Train one case of the benchmark and write its record.

Its name is ``{dataset}/{size}/{implementation}/{device}/seed-{seed}``.  It is one process or several (``launcher``).
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from lstmbench.models import process_group
from lstmbench.models.weights import parameter_count
from lstmbench.orchestration.dependencies import training_hash
from lstmbench.records.run import MODEL, SCHEMA_VERSION, check_record, write_record
from lstmbench.system import hardware, provenance, spin
from lstmbench.system.cores import Limits
from lstmbench.system.device import split_device
from lstmbench.system.identity import machine_fingerprint, noted
from lstmbench.training import launcher
from lstmbench.training.checkpoint import CheckpointFolder
from lstmbench.training.loop import Caps, TrainingProgress, train
from lstmbench.training.rehearsal import rehearse
from lstmbench.training.session import RunRequest, memory_explained, open_session
from lstmbench.training.tensorboard import EventFile
from lstmbench.utils.clock import Stopwatch, later, utc_now
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.files import hash_arrays, hash_json, write_arrays
from lstmbench.utils.lock import locked
from lstmbench.utils.signals import Interruption

CHECKPOINT_SECONDS = 60.0
"""Seconds between checkpoints: the most that a crash can lose."""


def train_run(
    request: RunRequest,
    *,
    caps: Caps,
    checkpoints: Path,
    output: Path,
    keep_model: bool = True,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> None:
    """Train what is requested and write the run's record to ``output``.

    Every worker calls this; rank 0 writes.  The final weights and the TensorBoard event files are written to the folder
    of the record.  Checkpoints have their own folder.  An interrupted run resumes from it, and a complete run deletes
    its checkpoints there.

    Raises:
        UsageError, DataError, MachineError, DivergedError, LockedError, WorkerError, Interrupted: see ``errors``.
    """
    group, where = process_group.current_group(), split_device(request.device)
    if group.size != where.workers:
        raise UsageError(
            f"device {request.device}: expected {where.workers} workers, found {group.size} in the environment"
        )
    started, watch = utc_now(), Stopwatch()
    commit, dirty = provenance.commit()
    described = hardware.describe()  # before a framework adds switches of its own
    with spin.limited(where.kind) as described["spin_limits"]:
        session = open_session(request)
    dataset, preset, task = session.dataset, session.preset, session.task

    identity = request.run_of(dataset)
    settings = {
        "preset": dataclasses.asdict(preset),
        **dataclasses.asdict(caps),
        "threads": request.threads,
        "dtype": where.precision,
    }
    versions = {"numpy": np.__version__, **session.framework.versions()}
    common = {
        "run": identity,
        "initial_weights_sha256": hash_arrays(session.weights),
        "versions": versions,
        "machine": described,
    }
    # Values, not their hash, so that a message can name a difference.  ``source`` does not affect the result.
    recipe = {name: value for name, value in settings["preset"].items() if name != "source"}
    fingerprint = {
        **common,
        "settings": {**settings, "preset": recipe},
        "machine": machine_fingerprint(described, where.kind),
        "data": dataset.sha256,
        "code": training_hash(dataset.task, request.implementation),
    }
    label = "/".join(str(part) for part in identity.values())
    limits = Limits()

    def record_of(
        reached: TrainingProgress, final: dict[str, Any], full_updates: int, weights_sha256: str
    ) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            **common,
            "started": started,
            "finished": later(started, watch.seconds()),
            "commit": commit,
            "commit_dirty": dirty,
            "settings": settings,
            "settings_sha256": hash_json(settings),
            "data": {"task": dataset.task, "sha256": dataset.sha256, "facts": dataset.facts},
            "final_weights_sha256": weights_sha256,
            "parameters": parameter_count(session.spec),
            "caps": _caps_in_words(caps, reached.updates, full_updates),
            "resumed": reached.resumed,
            "history": reached.history,
            "first_losses": reached.first_losses,
            "milestones": reached.milestones,
            "final": final,
            "speed": {
                **_throughput(reached.rates),
                "unit": task.UNIT,
                "import_seconds": session.import_seconds,
                "build_seconds": session.build_seconds,
                "first_step_seconds": reached.first_step_seconds,
                "train_seconds": reached.train_seconds,
                "throttled_share": limits.throttled_share(),
                "reachable_cores": limits.reachable_cores(),
            },
            "memory": {
                "peak_rss_bytes": hardware.peak_rss_bytes(),
                "peak_device_bytes": session.learner.peak_device_bytes(),
            },
        }

    try:
        rehearsed = rehearse(task, dataset, preset, caps, request.seed)
        check_record(output, record_of(*rehearsed, hash_json("other weights")))
    except DataError as error:
        raise UsageError(f"{label}: its record would be refused, so it is not trained: {error}") from error
    folder = CheckpointFolder(checkpoints, fingerprint, noted(described, where.kind))
    alone = contextlib.nullcontext()  # on the workers that are not main
    with locked(checkpoints) if group.is_main else alone, memory_explained(session.spec, preset):
        with (
            Interruption(launcher.launcher()) as interruption,
            EventFile(output.parent / "tensorboard") if group.is_main else alone as events,
        ):
            result = train(
                learner=session.learner,
                task=task,
                dataset=dataset,
                preset=preset,
                caps=caps,
                seed=request.seed,
                checkpoints=folder,
                checkpoint_seconds=checkpoint_seconds,
                interruption=interruption,
                on_epoch=events.add if group.is_main else lambda row: None,
                label=label,
                is_main=group.is_main,
            )
        if not group.is_main:
            return
        weights = session.learner.weights()
        record = record_of(*result, hash_arrays(weights))
        check_record(output, record)
        # The model is written before the record, because the record tells Snakemake that the run is complete.
        model = output.with_name(MODEL)
        if keep_model:
            write_arrays(model, weights)
        else:
            model.unlink(missing_ok=True)
        write_record(output, record)
        folder.clear()


def _caps_in_words(caps: Caps, updates: int, full_updates: int) -> list[str]:
    words = []
    if updates < full_updates:
        words.append(f"trained for {updates:,} of {full_updates:,} updates")
    if caps.max_eval_predictions is not None:
        words.append(f"evaluated on the first {caps.max_eval_predictions:,} predictions")
    return words


def _throughput(rates: list[float]) -> dict[str, Any]:
    """Return median and quartiles of steady blocks, in predictions/s; None if the run was too short for any."""
    quartiles = np.quantile(rates, [0.25, 0.5, 0.75]).tolist() if rates else [None] * 3
    return dict(zip(("p25", "median", "p75"), quartiles, strict=True)) | {"blocks": len(rates)}

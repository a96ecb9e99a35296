"""Train one case of the benchmark and write its record.

Its name is ``{dataset}/{size}/{implementation}/{device}/seed-{seed}``.  It is one process or several (``launcher``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lstmbench.datasets import load_vocabulary
from lstmbench.models import process_group
from lstmbench.models.weights import are_initial
from lstmbench.orchestration.failed_runs import FAILED
from lstmbench.records.run import MODEL, RECORD, require_readable, write_record
from lstmbench.records.run_record import Caps, RunRecord
from lstmbench.system import spin
from lstmbench.system.device import split_device
from lstmbench.system.identity import noted
from lstmbench.system.nvml import energy_of
from lstmbench.training import launcher, projector
from lstmbench.training.checkpoint import CheckpointFolder
from lstmbench.training.loop import Supervision, TrainingLoop, TrainingRequest
from lstmbench.training.model_graph import model_graph
from lstmbench.training.recorder import Recorder, Start
from lstmbench.training.rehearsal import rehearse
from lstmbench.training.session import RunRequest, Session, opened_session
from lstmbench.training.tensorboard import EventFile
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.files import hash_arrays, hash_json, write_arrays
from lstmbench.utils.lock import locked
from lstmbench.utils.signals import Interruption

CHECKPOINT_SECONDS = 60.0
"""Seconds between checkpoints: the most that a crash can lose."""

_RANDOM = "?" * 8
"""Matches what ``tempfile`` adds to a name, but not the files of an editor."""

TENSORBOARD = "tensorboard"
"""The folder beside the record for what TensorBoard shows: the event file, and the words of a text's model."""


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

    Every worker calls this; rank 0 writes.  The final weights and the files for TensorBoard are written to the folder
    of the record.  Checkpoints have their own folder.  An interrupted run resumes from it, and a complete run deletes
    its checkpoints there.

    Raises:
        UsageError, DataError, MachineError, ResourceError, DivergedError, LockedError, WorkerError, Interrupted: see
            ``errors``.
    """
    _require_own_folder(output)
    group, where = process_group.current_group(), split_device(request.device)
    if group.size != where.workers:
        raise UsageError(
            f"device {request.device}: expected {where.workers} workers, found {group.size} in the environment"
        )
    start = Start()
    with contextlib.ExitStack() as stack:
        with spin.limited(where.kind) as spin_limits:  # until the framework is loaded
            session = stack.enter_context(opened_session(request))
        _require_initial_weights(request, session)
        words = load_vocabulary(request.data) if keep_model else ()
        recorder = Recorder(start, request, session, caps, spin_limits)
        training = TrainingRequest(
            learner=session.learner,
            task=session.task,
            dataset=session.dataset,
            preset=session.preset,
            caps=caps,
            seed=request.seed,
        )
        _require_acceptable(output, recorder, training)
        folder = CheckpointFolder(checkpoints, recorder.fingerprint(), noted(recorder.machine, request.device))
        graph = model_graph(session.spec, session.preset.batch_size, session.preset.num_steps)
        alone = contextlib.nullcontext()  # on the workers that are not main
        with locked(checkpoints) if group.is_main else alone:
            if group.is_main:
                folder.remove_half_written()
                _remove_leftovers(output)
            with (
                Interruption(launcher.launcher()) as interruption,
                EventFile(output.parent / TENSORBOARD, graph) if group.is_main else alone as events,
            ):
                supervision = Supervision(
                    label=str(recorder.name),
                    checkpoints=folder,
                    checkpoint_seconds=checkpoint_seconds,
                    stop_if_asked=interruption.check,
                    on_epoch=events.add if events is not None else lambda row: None,
                    energy=energy_of(where.kind, where.workers),
                    is_main=group.is_main,
                )
                loop = TrainingLoop(training, supervision)
                final = loop.run()
            if group.is_main:
                weights = session.learner.weights()
                _write(
                    output, recorder.record(loop, final, hash_arrays(weights)), weights if keep_model else None, words
                )
                folder.clear()


def _require_own_folder(output: Path) -> None:
    if output.name != RECORD:
        raise UsageError(
            f"{output}: expected the name {RECORD}, found {output.name}: its folder also holds the run's model, so "
            "every run has a folder of its own"
        )


def _require_initial_weights(request: RunRequest, session: Session) -> None:
    """Refuse weights of another seed or preset: a speed may be measured with any, but a record names the seed."""
    if not are_initial(session.weights, session.spec, session.preset, request.seed):
        raise UsageError(
            f"{request.weights_file}: expected the initial weights of {request.preset_file} and seed {request.seed}, "
            "found others: initialise them again"
        )


def _require_acceptable(output: Path, recorder: Recorder, training: TrainingRequest) -> None:
    """Refuse a run whose record would be refused at its end."""
    try:
        require_readable(output, recorder.record(*rehearse(training), hash_json("other weights")))
    except DataError as error:
        raise UsageError(f"{recorder.name}: its record would be refused, so it is not trained: {error}") from error


def _remove_leftovers(output: Path) -> None:
    """Delete an earlier attempt's files for the projector, and what killed processes left of this run's files.

    Each of those has the name that ``files.atomic`` gave it.
    """
    shown = [output.parent / TENSORBOARD / name for name in projector.FILES]
    for path in shown:
        path.unlink(missing_ok=True)
    for path in [output, output.with_name(MODEL), output.with_name(FAILED), *shown]:
        for left in path.parent.glob(f".{path.name}.{_RANDOM}"):
            left.unlink(missing_ok=True)


def _write(output: Path, record: RunRecord, model: dict[str, np.ndarray] | None, words: Sequence[str]) -> None:
    """Write a record, and the final weights beside it or none; with them a text's ``words`` for TensorBoard.

    The weights are written first, because the record tells Snakemake that the run is complete.
    """
    require_readable(output, record)
    if model is None:
        output.with_name(MODEL).unlink(missing_ok=True)
    else:
        write_arrays(output.with_name(MODEL), model)
        if "embedding" in model:
            projector.write_projector(output.parent / TENSORBOARD, model["embedding"], words)
    write_record(output, record)

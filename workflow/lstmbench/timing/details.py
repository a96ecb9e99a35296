"""Measure the details of a case, which one process per implementation is enough for, after its timed blocks.

The details are evaluation, a checkpoint, the training loop's share, one step's operations, and the memory's bandwidth.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, cast

import numpy as np

from lstmbench.models.learner import Learner
from lstmbench.records.measurement_record import (
    Bandwidth,
    CheckpointCost,
    Details,
    EvaluationSpeed,
    EvaluationSpeeds,
    LoopCost,
    Trace,
)
from lstmbench.records.run_record import Caps
from lstmbench.system.device import split_device
from lstmbench.tasks import predictions
from lstmbench.timing import kernels, probes
from lstmbench.timing.blocks import StepRunner, repetitions
from lstmbench.timing.products import CallTimer, probe_of
from lstmbench.training import loop
from lstmbench.training.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.training.session import RunRequest, Session
from lstmbench.utils.clock import Stopwatch

DETAILS = ("evaluation", "checkpoint", "loop", "trace", "bandwidth")
"""In order: evaluation by both protocols, writing and reading a checkpoint, the training loop's share, one step's
operations, and the bandwidth of the device's memory."""

EVALUATION_SECONDS = 0.5
EVALUATION_BLOCKS = 5
LOOP_SECONDS = 1.0

BANDWIDTH_ELEMENTS = 2**26
"""256 MiB of float32, which is more than the caches of any current CPU or GPU hold."""

BANDWIDTH_TURNS = 2
"""The shorter of this many turns counts, because it shows what the memory can do."""


def measure_details(
    session: Session, steps: StepRunner, wanted: Collection[str], request: RunRequest, step_seconds: float
) -> Details | None:
    """Measure the ``wanted`` ones of ``DETAILS``, in that order; None if there are none."""
    if not wanted:
        return None
    implementation, device = request.implementation, request.device
    return Details(
        evaluation=evaluation(session) if "evaluation" in wanted else None,
        checkpoint=checkpoint(session.learner) if "checkpoint" in wanted else None,
        loop=loop_cost(session, request.seed, step_seconds) if "loop" in wanted else None,
        trace=trace(session, steps, implementation, device) if "trace" in wanted else None,
        bandwidth=bandwidth(implementation, split_device(device).kind) if "bandwidth" in wanted else None,
    )


def evaluation(session: Session) -> EvaluationSpeeds:
    """Return predictions/s by the protocols of validation and test, each after a first batch."""
    return EvaluationSpeeds(valid=_evaluated(session, "valid"), test=_evaluated(session, "test"))


def _evaluated(session: Session, split: str) -> EvaluationSpeed:
    part = session.task.evaluation_parts(session.dataset.arrays, split, session.preset, None)[0]
    handle, state = session.learner.place(part.examples), session.learner.initial_state(part.batches.shape[1])
    done, fastest = 0, math.inf

    def timed(count: int) -> float:
        """Return the seconds of the next ``count`` batches."""
        nonlocal state, done, fastest
        block = part.batches[np.arange(done, done + count) % len(part.batches)]
        done += count
        watch = Stopwatch()
        _, _, state = session.learner.eval_block(handle, block, state)
        seconds = watch.seconds()
        fastest = min(fastest, seconds / count)
        return seconds

    first_seconds = timed(1)
    per_batch = part.batches.shape[1] * predictions(part.examples)
    rate = _median_rate(timed) * per_batch
    return EvaluationSpeed(
        first_seconds=first_seconds, predictions_per_second=rate, fastest_per_second=per_batch / fastest
    )


def _median_rate(timed: Callable[[int], float]) -> float:
    """Return repetitions/s: the median of ``EVALUATION_BLOCKS`` blocks, which together take ``EVALUATION_SECONDS``."""
    once = min(timed(1) for _ in range(EVALUATION_BLOCKS))
    count, _ = repetitions(timed, EVALUATION_SECONDS / EVALUATION_BLOCKS, once)
    return count / statistics.median(timed(count) for _ in range(EVALUATION_BLOCKS))


def checkpoint(learner: Learner) -> CheckpointCost:
    """Write and read one checkpoint; return its seconds and bytes."""
    arrays = {f"weights/{name}": value for name, value in learner.weights().items()}
    arrays |= {f"training/{name}": value for name, value in learner.training_state().items()}
    with tempfile.TemporaryDirectory() as name:
        folder = CheckpointFolder(Path(name), {})
        watch = Stopwatch()
        folder.save(Checkpoint(arrays, {"updates": 0}))
        write_seconds = watch.seconds()
        watch = Stopwatch()
        folder.newest(print)
        read_seconds = watch.seconds()
        size = sum(path.stat().st_size for path in Path(name).iterdir())
    return CheckpointCost(write_seconds=write_seconds, read_seconds=read_seconds, bytes=size)


class _TimedLearner:
    """Wrap a learner and count the seconds spent inside it."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.learner, name)

        def timed(*arguments: Any) -> Any:
            watch = Stopwatch()
            try:
                return method(*arguments)
            finally:
                self.seconds += watch.seconds()

        return timed


def loop_cost(session: Session, seed: int, step_seconds: float) -> LoopCost:
    """Return the seconds of one short epoch of the training loop, and how many of them the learner took."""
    updates = max(1, round(LOOP_SECONDS / step_seconds))
    timed = _TimedLearner(session.learner)
    caps = Caps(max_updates=updates, max_eval_predictions=1)
    request = loop.TrainingRequest(
        learner=cast(Learner, timed),
        task=session.task,
        dataset=session.dataset,
        preset=session.preset,
        caps=caps,
        seed=seed,
    )
    training = loop.TrainingLoop(request, loop.Supervision(label="loop"))
    timed.seconds = 0.0
    watch = Stopwatch()
    training.train_epoch()
    seconds = watch.seconds()
    training.progress.close()
    return LoopCost(updates=updates, seconds=seconds, learner_seconds=timed.seconds)


def trace(session: Session, steps: StepRunner, implementation: str, device: str) -> Trace:
    """Return the operations of one traced step, the share of its time that they cover, and the path that it ran on."""
    probe = probe_of(implementation)
    if probe is None:
        return Trace(operations=[], step_seconds=None, path=None)
    stated = kernels.stated(session.framework.EXPECTED_KERNELS, device, session.learner.way)
    steps.run(1)
    seconds: list[float] = []
    operations = probe.trace(lambda: seconds.append(steps.timed(1)))
    # This is last, because TensorFlow then rebuilds its graph and for some steps treats every operation as expensive.
    executed = probe.executed(lambda: steps.run(1))
    traced = {probes.label(one.part, one.direction, one.name) for one in operations}
    return Trace(
        operations=operations,
        step_seconds=seconds[-1],
        path=kernels.proved(implementation, device, stated, executed, traced),
        coverage=sum(operation.seconds for operation in operations) / seconds[-1],
    )


def bandwidth(implementation: str, device: str) -> Bandwidth | None:
    """Return the bytes that adding two large arrays moves to and from the device's memory, and the seconds it takes."""
    probe = probe_of(implementation)
    if probe is None:
        return None
    addition = CallTimer(probe.addition(BANDWIDTH_ELEMENTS, device))
    for _ in range(BANDWIDTH_TURNS):
        addition.turn()
    return Bandwidth(bytes=3 * 4 * BANDWIDTH_ELEMENTS, seconds=min(addition.seconds))

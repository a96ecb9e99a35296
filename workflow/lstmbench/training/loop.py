"""Train a model with any framework: epochs, schedule, evaluation, checkpoints, history and throughput.

The learner trains on blocks of consecutive batches.  A block is long enough that the interpreter's share of its time is
small, and short enough that progress is visible.  Its length does not change the results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from lstmbench.datasets import Dataset
from lstmbench.models.learner import Handle, Learner
from lstmbench.models.presets import Preset
from lstmbench.models.schedule import learning_rate_at
from lstmbench.records.format import FIRST_LOSSES
from lstmbench.tasks import Part, predictions
from lstmbench.training.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import DataError, DivergedError, Interrupted, UsageError
from lstmbench.utils.progress import Progress
from lstmbench.utils.signals import Interruption

BLOCK_SECONDS = 0.5
"""The time that a block of training should take."""

EVALUATION_STEPS = 50
EVALUATION_SECONDS = 2.0
"""Evaluate at most ``EVALUATION_STEPS`` batches per block, or as many as fit into ``EVALUATION_SECONDS`` at the speed
of training.  Stop signals are handled between blocks."""

WARM_UP_BLOCKS = 2
"""Blocks that do not count for the throughput: the first one is a single step, the second has a guessed length."""

MAX_LOSS = 700.0
"""A loss of this many nats per prediction or more has diverged.  No model that learns comes near it, and a float cannot
hold exp of more than 709."""


@dataclass(frozen=True)
class Caps:
    """Limits that cut a run short; None: no limit.  A capped run is not comparable with published values."""

    max_updates: int | None = None
    max_eval_predictions: int | None = None


@dataclass
class TrainingProgress:
    """How far a run has come.  A checkpoint holds all of it."""

    updates: int = 0
    epoch: int = 0  # complete epochs
    epoch_updates: int = 0  # of the epoch that is not complete
    epoch_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    first_losses: list[float] = field(
        default_factory=list
    )  # of the first updates; ``replay`` compares another run with them
    milestones: list[dict[str, Any]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)  # predictions per second of each steady block
    first_step_seconds: float | None = None  # with tracing and compilation
    train_seconds: float = 0.0
    resumed: int = 0


def train(
    *,
    learner: Learner,
    task: ModuleType,
    dataset: Dataset,
    preset: Preset,
    caps: Caps,
    seed: int,
    checkpoints: CheckpointFolder,
    checkpoint_seconds: float,
    interruption: Interruption,
    on_epoch: Callable[[Mapping[str, Any]], None],
    label: str,
    is_main: bool = True,
) -> tuple[TrainingProgress, dict[str, Any], int]:
    """Train by the preset's schedule from the learner's present weights, or resume from a checkpoint.

    Every worker calls this.  Rank 0 (``is_main``) writes checkpoints, shows progress, and decides when to save and when
    to stop.  A checkpoint is written after each epoch, when the process is asked to stop, and after the first block
    that ends ``checkpoint_seconds`` or more after the last checkpoint.  ``on_epoch`` gets every row of the history,
    including the rows from before a resume.

    Returns:
        The progress, the values of the final test, and the number of updates in the whole schedule.

    Raises:
        DivergedError: a loss reached ``MAX_LOSS`` or is NaN.
        Interrupted: the process was asked to stop.
        DataError: this worker does not find the checkpoint from which rank 0 resumes.
        WorkerError: another worker is lost.
    """

    def check() -> None:
        asked = _asked_to_stop(interruption)
        if learner.broadcast(float(asked is not None)):
            raise asked or Interrupted("the first worker was asked to stop")

    run = Run(learner, task, dataset, preset, caps, seed, check)
    reached = TrainingProgress()
    progress = Progress(run.total_updates, 0, label, is_main)
    found = checkpoints.newest(progress.log)
    if found:
        reached = TrainingProgress(**found.progress)
        reached.resumed += 1
        run.restore(found.arrays)
        progress.close()
        progress = Progress(run.total_updates, reached.updates, label, is_main)
        progress.log(f"resumes after {reached.updates:,} updates, in epoch {reached.epoch + 1}")
    if learner.broadcast(reached.updates) != reached.updates:
        raise DataError(
            f"{label}: this worker resumes after {reached.updates:,} updates, and the first one does not; all must "
            f"read the same checkpoints, in a folder that they share, on machines that are alike: {checkpoints.folder}"
        )
    for row in reached.history:
        on_epoch(row)
    since_saved = Stopwatch()

    def save() -> None:
        nonlocal since_saved
        arrays = run.arrays()
        if is_main:
            for path in checkpoints.save(Checkpoint(arrays, vars(reached))):
                progress.log(f"checkpoint {path} of another run is deleted: of other runs only the last one is kept")
        since_saved = Stopwatch()

    def after_block() -> None:
        check()
        if learner.broadcast(since_saved.seconds()) >= checkpoint_seconds:
            save()

    try:
        while reached.updates < run.total_updates or reached.epoch_updates:
            row = run.epoch(reached, progress, after_block)
            on_epoch(row)
            progress.log(_sentence(row))
            save()
        progress.log("tests")
        final = run.evaluate(run.test, reached)
    except Interrupted as error:
        save()
        raise Interrupted(
            f"{label}: {error}; saved after {reached.updates:,} updates, and the same command resumes from there"
        ) from None
    except DivergedError as error:
        kept = checkpoints.latest()
        where = f"the last good checkpoint is {kept}" if kept else "there is no checkpoint yet"
        raise DivergedError(f"{label}: {error}; {where}") from None
    finally:
        progress.close()
    return reached, final, run.full_updates


class Run:
    """Hold the fixed parts of a run (learner, placed data, preset), its recurrent state and the epoch's losses."""

    def __init__(
        self,
        learner: Learner,
        task: ModuleType,
        dataset: Dataset,
        preset: Preset,
        caps: Caps,
        seed: int,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.learner, self.task, self.preset, self.seed, self.check = learner, task, preset, seed, check
        self.blocks = 0  # of this process, because a process that resumes warms up again
        examples = task.training_examples(dataset.arrays, preset)
        self.count = len(examples.inputs)
        self.per_step = preset.batch_size * predictions(examples)
        self.data = learner.place(examples)
        self.stateful = task.model_spec(preset, dataset.facts).stateful
        limit = caps.max_eval_predictions
        self.valid = self._place(task.evaluation_parts(dataset.arrays, "valid", preset, limit))
        self.test = self._place(task.evaluation_parts(dataset.arrays, "test", preset, limit))
        steps_per_epoch = len(task.training_order(self.count, preset, seed, 1))
        self.full_updates = steps_per_epoch * preset.epochs
        self.total_updates = min(self.full_updates, caps.max_updates or self.full_updates)
        self.state = learner.initial_state(preset.batch_size)
        self.losses = np.empty(0)  # one per update of the incomplete epoch

    def _place(self, parts: list[Part]) -> list[tuple[Handle, np.ndarray, int]]:
        if not sum(part.batches.size for part in parts):
            raise UsageError("validation and test: expected a prediction at least, found data or a cap for none")
        return [(self.learner.place(part.examples), part.batches, predictions(part.examples)) for part in parts]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays that a later process needs to resume."""
        result = {f"weights/{name}": value for name, value in self.learner.weights().items()}
        result |= {f"training/{name}": value for name, value in self.learner.training_state().items()}
        for layer, (hidden, cell) in enumerate(self.learner.state_arrays(self.state)):
            result |= {f"state/{layer}.hidden": hidden, f"state/{layer}.cell": cell}
        return result | {"epoch/losses": self.losses}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load what ``arrays()`` returned."""
        parts: dict[str, dict[str, np.ndarray]] = {"weights": {}, "training": {}, "state": {}, "epoch": {}}
        for key, value in arrays.items():
            kind, name = key.split("/", 1)
            parts[kind][name] = value
        self.learner.load_weights(parts["weights"])
        self.learner.load_training_state(parts["training"])
        state, layers = parts["state"], len(parts["state"]) // 2
        pairs = [(state[f"{layer}.hidden"], state[f"{layer}.cell"]) for layer in range(layers)]
        self.state = self.learner.load_state(pairs)
        self.losses = parts["epoch"]["losses"]

    def epoch(
        self, reached: TrainingProgress, progress: Progress, after_block: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Train one epoch or the rest of it, validate, and add a row to the history."""
        number = reached.epoch + 1
        learning_rate = learning_rate_at(self.preset, number)
        order = self.task.training_order(self.count, self.preset, self.seed, number)
        order = order[: self.total_updates - (reached.updates - reached.epoch_updates)]
        if reached.epoch_updates == 0:
            self.state, self.losses = self.learner.initial_state(self.preset.batch_size), np.empty(0)
        while True:
            if reached.updates == self.preset.report_after_updates and not reached.milestones:
                reached.milestones.extend(self._milestone(reached))
            if reached.epoch_updates == len(order):
                break
            trained = self._block(order, learning_rate, reached)
            progress.advance(trained, f"epoch {number}, loss {self.losses.mean():.3f}")
            after_block()
        row = {"epoch": number, "learning_rate": learning_rate, "updates": reached.updates}
        row |= self._named("train", float(self.losses.mean()), None, len(order) * self.per_step)
        row["train_seconds"] = reached.epoch_seconds
        row |= {f"valid_{name}": value for name, value in self.evaluate(self.valid, reached).items()}
        reached.epoch, reached.epoch_updates, reached.epoch_seconds = number, 0, 0.0
        reached.history.append(row)
        return row

    def _block(self, order: np.ndarray, learning_rate: float, reached: TrainingProgress) -> int:
        """Train the next block of ``order`` and return the number of its updates."""
        begin = reached.epoch_updates
        batches = order[begin : begin + self._block_length(reached)]
        watch = Stopwatch()
        losses, self.state = self.learner.train_block(self.data, batches, self.state, learning_rate)
        self.learner.synchronize()
        seconds = self.learner.broadcast(watch.seconds())
        self._refuse_divergence(losses, reached.updates, learning_rate)
        self.losses = np.append(self.losses, losses)
        reached.first_losses += losses[: FIRST_LOSSES - len(reached.first_losses)].tolist()
        self.blocks += 1
        reached.updates += len(batches)
        reached.epoch_updates += len(batches)
        reached.train_seconds += seconds
        reached.epoch_seconds += seconds
        if reached.first_step_seconds is None:
            reached.first_step_seconds = seconds
        elif self.blocks > WARM_UP_BLOCKS:
            reached.rates.append(len(batches) * self.per_step / seconds)
        return len(batches)

    def evaluate(self, parts: list[tuple[Handle, np.ndarray, int]], reached: TrainingProgress) -> dict[str, Any]:
        """Return loss (mean nats per prediction), metric, count and seconds of a split, from the zero state on."""
        watch = Stopwatch()
        of_batches: list[np.ndarray] = []  # summed at the end, so that the block length does not change the sum
        correct, count, state = 0, 0, None
        for data, batches, per_example in parts:
            if state is None or not self.stateful:
                state = self.learner.initial_state(batches.shape[1])
            length = _evaluation_length(batches.shape[1] * per_example, reached)
            for begin in range(0, len(batches), length):
                self.check()
                block = batches[begin : begin + length]
                losses, hits, state = self.learner.eval_block(data, block, state)
                of_batches.append(losses.astype(np.float64))
                correct += int(hits.sum())
                count += block.size * per_example
        loss = float(np.concatenate(of_batches).sum())
        values = self._named("", loss / count, correct / count, count)
        return {**values, "seconds": watch.seconds()}

    def _named(self, split: str, loss: float, accuracy: float | None, count: int) -> dict[str, Any]:
        """Return the loss and the task's metrics; accuracy is None for training, where it would cost another pass."""
        prefix = f"{split}_" if split else ""
        metrics = self.task.metrics(loss, accuracy)
        named = {"loss": loss, **{name: value for name, value in metrics.items() if value is not None}}
        return {f"{prefix}{name}": value for name, value in {**named, "predictions": count}.items()}

    def _block_length(self, reached: TrainingProgress) -> int:
        """Return the steps of the next block: 1, then 2, then ``BLOCK_SECONDS`` worth, up to the milestone."""
        length = 1
        if reached.rates:
            length = max(1, round(BLOCK_SECONDS * reached.rates[-1] / self.per_step))
        elif reached.first_step_seconds is not None:
            length = 2
        milestone = self.preset.report_after_updates
        if milestone and reached.updates < milestone:
            length = min(length, milestone - reached.updates)
        return length

    def _milestone(self, reached: TrainingProgress) -> list[dict[str, Any]]:
        """Return the test values now: for the whole split, and for its first batch, as the tutorial's exercise does."""
        data, batches, per_example = self.test[0]
        first = [(data, batches[:1, : self.preset.batch_size], per_example)]
        protocols = {
            "all test images": self.test,
            f"first {self.preset.batch_size} test images, as the tutorial": first,
        }
        return [
            {"updates": reached.updates, "protocol": protocol, **self.evaluate(parts, reached)}
            for protocol, parts in protocols.items()
        ]

    @staticmethod
    def _refuse_divergence(losses: np.ndarray, updates: int, learning_rate: float) -> None:
        bad = np.flatnonzero(~(losses < MAX_LOSS))
        if bad.size:
            raise DivergedError(
                f"the loss of update {updates + bad[0] + 1} is {losses[bad[0]]} at learning rate {learning_rate:g}: "
                "the run has diverged; lower the preset's learning_rate or max_grad_norm"
            )


def _asked_to_stop(interruption: Interruption) -> Interrupted | None:
    try:
        interruption.check()
    except Interrupted as error:
        return error
    return None


def _evaluation_length(per_batch: int, reached: TrainingProgress) -> int:
    """Return the number of batches, of ``per_batch`` predictions each, in a block of an evaluation.

    It is a power of 2 or ``EVALUATION_STEPS``, because a framework may build a graph for every length.
    """
    if not reached.rates:
        return EVALUATION_STEPS
    within = int(EVALUATION_SECONDS * reached.rates[-1] / per_batch)
    return min(EVALUATION_STEPS, 1 << max(0, within.bit_length() - 1))


def _sentence(row: Mapping[str, Any]) -> str:
    metric = next(name for name in ("perplexity", "accuracy") if f"valid_{name}" in row)
    train = row.get(f"train_{metric}")
    shown = f"train {train:.2f}, " if train else f"train loss {row['train_loss']:.4f}, "
    rate = row["train_predictions"] / row["train_seconds"]
    value = row[f"valid_{metric}"]
    return (
        f"epoch {row['epoch']}: {metric} {shown}valid {value:.4g}, learning rate {row['learning_rate']:.4g}, "
        f"{rate:,.0f} predictions/s"
    )

"""The one training loop: epochs, schedule, evaluation, checkpoints, history and throughput.

It names no framework.  Work goes to the learner in blocks of consecutive batches; a block is as long as
it takes to keep the interpreter's share of it small and progress visible, and its length changes nothing
in what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from lstmbench.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.clock import Stopwatch
from lstmbench.datasets import Dataset
from lstmbench.errors import DivergedError
from lstmbench.learner import Handle, Learner
from lstmbench.presets import Preset
from lstmbench.progress import Progress
from lstmbench.tasks import Part, predictions

BLOCK_SECONDS = 0.5
"""What a block aims to take."""

EVALUATION_STEPS = 50
"""Batches per block of an evaluation."""

WARM_UP_BLOCKS = 2
"""Blocks left out of the throughput: the first step alone, and the first block of a guessed length."""

LARGEST_LOSS = 700.0
"""Nats per prediction; exp of more than 709 is beyond a float, and no model that learns comes near it."""


@dataclass(frozen=True)
class Caps:
    """How a run is cut short, if it is.  A capped run is not comparable with published values."""

    max_updates: int | None = None
    max_eval_predictions: int | None = None


@dataclass
class Progressed:
    """What a run has reached; all of it goes into a checkpoint."""

    updates: int = 0
    epoch: int = 0  # complete epochs
    history: list[dict[str, Any]] = field(default_factory=list)
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
    on_epoch: Callable[[Mapping[str, Any]], None],
    label: str,
) -> tuple[Progressed, dict[str, Any], int]:
    """Train by the preset's schedule from the learner's present weights, or on from a checkpoint.

    ``on_epoch`` sees each row of the history, those of a resumed run's past included.
    Returns what was reached, the final test's values, and the updates of the whole schedule.

    Raises:
        DivergedError: a loss is no longer a number to go on with.
    """
    run = Run(learner, task, dataset, preset, caps, seed)
    reached = Progressed()
    progress = Progress(run.total_updates, 0, label)
    found = checkpoints.newest(progress.say)
    if found:
        reached = Progressed(**found.progress)
        reached.resumed += 1
        run.restore(found.arrays)
        progress.close()
        progress = Progress(run.total_updates, reached.updates, label)
        progress.say(f"goes on after epoch {reached.epoch}, {reached.updates:,} updates")
    for row in reached.history:
        on_epoch(row)
    try:
        while reached.updates < run.total_updates:
            row = run.epoch(reached, progress)
            on_epoch(row)
            progress.say(_sentence(row))
            checkpoints.save(Checkpoint(run.arrays(), vars(reached)))
        progress.say("tests")
        final = run.evaluate(run.test)
    finally:
        progress.close()
    return reached, final, run.full_updates


class Run:
    """The fixed parts of a run: the placed data and what they are trained with."""

    def __init__(
        self, learner: Learner, task: ModuleType, dataset: Dataset, preset: Preset, caps: Caps, seed: int
    ) -> None:
        self.learner, self.task, self.preset, self.seed = learner, task, preset, seed
        self.blocks = 0  # of this process: one that goes on from a checkpoint warms up again
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

    def _place(self, parts: list[Part]) -> list[tuple[Handle, np.ndarray, int]]:
        return [(self.learner.place(part.examples), part.batches, predictions(part.examples)) for part in parts]

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays a later process needs to go on after an epoch."""
        weights = {f"weights/{name}": value for name, value in self.learner.weights().items()}
        return weights | {f"training/{name}": value for name, value in self.learner.training_state().items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Put ``arrays`` back."""
        parts: dict[str, dict[str, np.ndarray]] = {"weights": {}, "training": {}}
        for key, value in arrays.items():
            kind, name = key.split("/", 1)
            parts[kind][name] = value
        self.learner.load_weights(parts["weights"])
        self.learner.load_training_state(parts["training"])

    def epoch(self, reached: Progressed, progress: Progress) -> dict[str, Any]:
        """Train one epoch (or what the cap leaves of it), validate, and enter a row into the history."""
        number = reached.epoch + 1
        learning_rate = self.preset.learning_rate_at(number)
        order = self.task.training_order(self.count, self.preset, self.seed, number)
        order = order[: self.total_updates - reached.updates]
        state = self.learner.initial_state(self.preset.batch_size)
        losses = np.empty(len(order))
        begin, seconds_before = 0, reached.train_seconds
        while begin < len(order):
            batches = order[begin : begin + self._block_length(reached)]
            watch = Stopwatch()
            block_losses, state = self.learner.train_block(self.data, batches, state, learning_rate)
            self.learner.synchronize()
            seconds = watch.seconds()
            losses[begin : begin + len(batches)] = block_losses
            self._refuse_divergence(block_losses, reached.updates, learning_rate)
            self.blocks += 1
            begin += len(batches)
            reached.updates += len(batches)
            reached.train_seconds += seconds
            if reached.first_step_seconds is None:
                reached.first_step_seconds = seconds
            elif self.blocks > WARM_UP_BLOCKS:
                reached.rates.append(len(batches) * self.per_step / seconds)
            progress.advance(len(batches), f"epoch {number}, loss {losses[:begin].mean():.3f}")
            if reached.updates == self.preset.report_after_updates:
                reached.milestones.extend(self._milestone(reached.updates))
        row = {"epoch": number, "learning_rate": learning_rate, "updates": reached.updates}
        row |= self._named("train", float(losses.mean()), None, len(order) * self.per_step)
        row["train_seconds"] = reached.train_seconds - seconds_before
        row |= {f"valid_{name}": value for name, value in self.evaluate(self.valid).items()}
        reached.epoch = number
        reached.history.append(row)
        return row

    def evaluate(self, parts: list[tuple[Handle, np.ndarray, int]]) -> dict[str, Any]:
        """Loss (mean nats per prediction), metric, count and seconds over a split, the state carried from zero."""
        watch = Stopwatch()
        loss, correct, count, state = 0.0, 0, 0, None
        for data, batches, per_example in parts:
            if state is None or not self.stateful:
                state = self.learner.initial_state(batches.shape[1])
            for begin in range(0, len(batches), EVALUATION_STEPS):
                block = batches[begin : begin + EVALUATION_STEPS]
                losses, hits, state = self.learner.eval_block(data, block, state)
                loss += float(losses.astype(np.float64).sum())
                correct += int(hits.sum())
                count += block.size * per_example
        values = self._named("", loss / count, correct / count, count)
        return {**values, "seconds": watch.seconds()}

    def _named(self, split: str, loss: float, accuracy: float | None, count: int) -> dict[str, Any]:
        """Loss and what the task makes of it; accuracy is unknown for training, where it would cost a pass."""
        prefix = f"{split}_" if split else ""
        metrics = self.task.metrics(loss, accuracy)
        named = {"loss": loss, **{name: value for name, value in metrics.items() if value is not None}}
        return {f"{prefix}{name}": value for name, value in {**named, "predictions": count}.items()}

    def _block_length(self, reached: Progressed) -> int:
        """Steps of the next block: one at first, then ``BLOCK_SECONDS`` worth, up to the next milestone."""
        length = 1
        if reached.rates:
            length = max(1, round(BLOCK_SECONDS * reached.rates[-1] / self.per_step))
        elif reached.first_step_seconds is not None:
            length = 2
        milestone = self.preset.report_after_updates
        if milestone and reached.updates < milestone:
            length = min(length, milestone - reached.updates)
        return length

    def _milestone(self, updates: int) -> list[dict[str, Any]]:
        """The test's values now: on the whole split, and on its first batch as the tutorial's exercise reports it."""
        data, batches, per_example = self.test[0]
        first = [(data, batches[:1, : self.preset.batch_size], per_example)]
        protocols = {
            "all test images": self.test,
            f"first {self.preset.batch_size} test images, as the tutorial": first,
        }
        return [
            {"updates": updates, "protocol": protocol, **self.evaluate(parts)} for protocol, parts in protocols.items()
        ]

    @staticmethod
    def _refuse_divergence(losses: np.ndarray, updates: int, learning_rate: float) -> None:
        bad = np.flatnonzero(~(losses < LARGEST_LOSS))
        if bad.size:
            raise DivergedError(
                f"the loss of update {updates + bad[0] + 1} is {losses[bad[0]]} at learning rate {learning_rate:g}: "
                "the run has diverged; lower the preset's learning_rate or max_grad_norm"
            )


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

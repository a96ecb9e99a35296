"""Train a model with any framework: epochs, schedule, evaluation, checkpoints, history and throughput.

The learner trains on blocks of consecutive batches.  A block is long enough that the interpreter's share of its time is
small, and short enough that progress is visible.  Its length does not change the results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import ModuleType
from typing import NamedTuple

import numpy as np

from lstmbench.datasets import Dataset
from lstmbench.models.learner import Handle, Learner
from lstmbench.models.presets import Preset
from lstmbench.models.schedule import learning_rate_at
from lstmbench.records.format import FIRST_LOSSES
from lstmbench.records.run_record import Caps
from lstmbench.system.nvml import Energy, not_measured
from lstmbench.tasks import Part, predictions
from lstmbench.training.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import DataError, DivergedError, Interrupted, UsageError
from lstmbench.utils.progress import Progress

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


Row = dict[str, float]
"""A row of the history, or the values of an evaluation, by name."""

Milestone = dict[str, float | str]
"""The values of an evaluation during training, after ``updates`` and by a named ``protocol``."""


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """Say what is trained: a learner with its initial weights, on a data set, by a preset.

    ``seed`` decides the order of the examples.
    """

    learner: Learner
    task: ModuleType
    dataset: Dataset
    preset: Preset
    caps: Caps
    seed: int


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """Say where a run is saved, what may stop it, and where its progress is shown; by default nowhere and nothing.

    ``stop_if_asked`` raises ``Interrupted`` if the run should stop.  ``on_epoch`` gets every row of the history,
    including the rows from before a resume.  ``energy`` reads the joules that the device has used.  Only rank 0
    (``is_main``) writes checkpoints and shows progress.
    """

    label: str = ""
    checkpoints: CheckpointFolder | None = None
    checkpoint_seconds: float = math.inf
    stop_if_asked: Callable[[], None] = lambda: None
    on_epoch: Callable[[Row], None] = lambda row: None
    energy: Energy = not_measured
    is_main: bool = True


class _Split(NamedTuple):
    """A part of a split in device memory, its batches, and the predictions per example."""

    data: Handle
    batches: np.ndarray
    per_example: int


@dataclass(eq=False, repr=False)
class TrainingLoop:
    """Train by the preset's schedule from the learner's present weights, or resume from a checkpoint.

    The fields that the constructor does not take say how far the run has come.  A checkpoint holds all of them, by
    these names, and the arrays that ``arrays`` returns.
    """

    request: TrainingRequest
    supervision: Supervision = field(default_factory=Supervision)

    updates: int = field(default=0, init=False)
    epoch: int = field(default=0, init=False)  # complete epochs
    epoch_updates: int = field(default=0, init=False)  # of the epoch that is not complete
    epoch_seconds: float = field(default=0.0, init=False)
    epoch_joules: float | None = field(default=0.0, init=False)  # None: not measured in all of it
    history: list[Row] = field(default_factory=list, init=False)
    # Of the first updates; ``replay`` compares another run with them.
    first_losses: list[float] = field(default_factory=list, init=False)
    milestones: list[Milestone] = field(default_factory=list, init=False)
    rates: list[float] = field(default_factory=list, init=False)  # predictions per second of each steady block
    first_step_seconds: float | None = field(default=None, init=False)  # with tracing and compilation
    train_seconds: float = field(default=0.0, init=False)
    resumed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        learner, task, preset = self.request.learner, self.request.task, self.request.preset
        arrays, limit = self.request.dataset.arrays, self.request.caps.max_eval_predictions
        self.learner, self.task, self.preset = learner, task, preset
        self.blocks = 0  # of this process, because a process that resumes warms up again
        examples = task.training_examples(arrays, preset)
        self.count = len(examples.inputs)
        self.per_step = preset.batch_size * predictions(examples)
        self.data = learner.place(examples)
        self.stateful = task.model_spec(preset, self.request.dataset.facts).stateful
        self.valid = self._place(task.evaluation_parts(arrays, "valid", preset, limit))
        self.test = self._place(task.evaluation_parts(arrays, "test", preset, limit))
        self.full_updates = len(self._order(1)) * preset.epochs
        self.total_updates = min(self.full_updates, self.request.caps.max_updates or self.full_updates)
        self.state = learner.initial_state(preset.batch_size)
        self.losses = np.empty(0)  # one per update of the incomplete epoch
        self.progress = self._shown()
        self._since_saved = Stopwatch()

    def run(self) -> Row:
        """Train to the end of the schedule and return the values of the final test.

        Every worker calls this.  Rank 0 writes checkpoints, shows progress, and decides when to save and when to stop.
        A checkpoint is written after each epoch, when the process is asked to stop, and after the first block that ends
        ``checkpoint_seconds`` or more after the last checkpoint.

        Raises:
            DivergedError: a loss of an update or of an evaluation reached ``MAX_LOSS`` or is NaN.
            Interrupted: the process was asked to stop.
            DataError: this worker does not find the checkpoint from which rank 0 resumes.
            WorkerError: another worker is lost.
        """
        label, checkpoints = self.supervision.label, self.supervision.checkpoints
        self._resume()
        try:
            while self.updates < self.total_updates or self.epoch_updates:
                row = self.train_epoch()
                self.supervision.on_epoch(row)
                self.progress.log(_sentence(row))
                self._save()
            self.progress.log("tests")
            return self.evaluate(self.test, "test")
        except Interrupted as error:
            self._save()
            raise Interrupted(
                f"{label}: {error}; saved after {self.updates:,} updates, and the same command resumes from there"
            ) from None
        except DivergedError as error:
            kept = checkpoints.latest() if checkpoints is not None else None
            where = f"the last good checkpoint is {kept}" if kept else "there is no checkpoint yet"
            raise DivergedError(f"{label}: {error}; {where}") from None
        finally:
            self.progress.close()

    def train_epoch(self) -> Row:
        """Train one epoch or the rest of it, validate, and add a row to the history."""
        number = self.epoch + 1
        learning_rate = learning_rate_at(self.preset, number)
        order = self._order(number)[: self.total_updates - (self.updates - self.epoch_updates)]
        if self.epoch_updates == 0:
            self.state, self.losses = self.learner.initial_state(self.preset.batch_size), np.empty(0)
        while True:
            if self.updates == self.preset.report_after_updates and not self.milestones:
                self.milestones.extend(self._milestone())
            if self.epoch_updates == len(order):
                break
            trained = self._train_block(order, learning_rate)
            self.progress.advance(trained, f"epoch {number}, loss {self.losses.mean():.3f}")
            self._stop_if_asked()
            if self.learner.broadcast(self._since_saved.seconds()) >= self.supervision.checkpoint_seconds:
                self._save()
        row: Row = {"epoch": number, "learning_rate": learning_rate, "updates": self.updates}
        row |= self._named("train", float(self.losses.mean()), None, len(order) * self.per_step)
        row["train_seconds"] = self.epoch_seconds
        if self.epoch_joules is not None:
            row["train_joules"] = self.epoch_joules
        row |= {f"valid_{name}": value for name, value in self.evaluate(self.valid, "validation").items()}
        self.epoch, self.epoch_updates, self.epoch_seconds, self.epoch_joules = number, 0, 0.0, 0.0
        self.history.append(row)
        return row

    def evaluate(self, parts: list[_Split], name: str) -> Row:
        """Return loss (mean nats per prediction), metric, count and seconds of a split, from the zero state on.

        Raises:
            DivergedError: the loss is ``MAX_LOSS`` or more, or NaN; with the ``name`` of the split.
        """
        watch = Stopwatch()
        of_batches: list[np.ndarray] = []  # summed at the end, so that the block length does not change the sum
        correct, count, state = 0, 0, None
        for data, batches, per_example in parts:
            if state is None or not self.stateful:
                state = self.learner.initial_state(batches.shape[1])
            length = self._evaluation_length(batches.shape[1] * per_example)
            for begin in range(0, len(batches), length):
                self._stop_if_asked()
                block = batches[begin : begin + length]
                losses, hits, state = self.learner.eval_block(data, block, state)
                of_batches.append(losses.astype(np.float64))
                correct += int(hits.sum())
                count += block.size * per_example
        loss = float(np.concatenate(of_batches).sum()) / count
        if not loss < MAX_LOSS:
            of_last_update = learning_rate_at(self.preset, self.epoch + (self.epoch_updates > 0))
            raise _diverged(f"{name} after update {self.updates:,}", loss, of_last_update)
        return {**self._named("", loss, correct / count, count), "seconds": watch.seconds()}

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

    def _order(self, epoch: int) -> np.ndarray:
        """Return the example numbers of each batch of an epoch, int32[steps, batch]."""
        order: np.ndarray = self.task.training_order(self.count, self.preset, self.request.seed, epoch)
        return order

    def _place(self, parts: list[Part]) -> list[_Split]:
        if not sum(part.batches.size for part in parts):
            raise UsageError("validation and test: expected a prediction at least, found data or a cap for none")
        return [_Split(self.learner.place(part.examples), part.batches, predictions(part.examples)) for part in parts]

    def _shown(self) -> Progress:
        return Progress(self.total_updates, self.updates, self.supervision.label, self.supervision.is_main)

    def _resume(self) -> None:
        """Load the newest checkpoint, if there is one, on every worker."""
        checkpoints = self.supervision.checkpoints
        found = checkpoints.newest(self.progress.log) if checkpoints is not None else None
        if found:
            for name in _SAVED:
                setattr(self, name, found.progress[name])
            self.resumed += 1
            self.restore(found.arrays)
            self.progress.close()
            self.progress = self._shown()
            self.progress.log(f"resumes after {self.updates:,} updates, in epoch {self.epoch + 1}")
        if checkpoints is not None and self.learner.broadcast(self.updates) != self.updates:
            raise DataError(
                f"{self.supervision.label}: this worker resumes after {self.updates:,} updates, and the first one does "
                "not; all must read the same checkpoints, in a folder that they share, on machines that are alike: "
                f"{checkpoints.folder}"
            )
        for row in self.history:
            self.supervision.on_epoch(row)
        self._since_saved = Stopwatch()

    def _save(self) -> None:
        """Write a checkpoint.  Every worker calls this, because all have a part of the recurrent state."""
        checkpoints = self.supervision.checkpoints
        if checkpoints is None:
            return
        arrays = self.arrays()
        if self.supervision.is_main:
            for path in checkpoints.save(Checkpoint(arrays, {name: getattr(self, name) for name in _SAVED})):
                self.progress.log(
                    f"checkpoint {path} of another run is deleted: of other runs only the last one is kept"
                )
        self._since_saved = Stopwatch()

    def _stop_if_asked(self) -> None:
        """Raise ``Interrupted`` on every worker if rank 0 was asked to stop."""
        asked: Interrupted | None = None
        try:
            self.supervision.stop_if_asked()
        except Interrupted as error:
            asked = error
        if self.learner.broadcast(float(asked is not None)):
            raise asked or Interrupted("the first worker was asked to stop")

    def _train_block(self, order: np.ndarray, learning_rate: float) -> int:
        """Train the next block of ``order`` and return the number of its updates."""
        batches = order[self.epoch_updates : self.epoch_updates + self._block_length()]
        joules = self.supervision.energy()
        watch = Stopwatch()
        losses, self.state = self.learner.train_block(self.data, batches, self.state, learning_rate)
        self.learner.synchronize()
        seconds = self.learner.broadcast(watch.seconds())
        self._add_joules(joules, self.supervision.energy())
        self._refuse_divergence(losses, learning_rate)
        self.losses = np.append(self.losses, losses)
        self.first_losses += losses[: FIRST_LOSSES - len(self.first_losses)].tolist()
        self.blocks += 1
        self.updates += len(batches)
        self.epoch_updates += len(batches)
        self.train_seconds += seconds
        self.epoch_seconds += seconds
        if self.first_step_seconds is None:
            self.first_step_seconds = seconds
        elif self.blocks > WARM_UP_BLOCKS:
            self.rates.append(len(batches) * self.per_step / seconds)
        return len(batches)

    def _add_joules(self, before: float | None, after: float | None) -> None:
        """Add the energy of a block.  One block without it leaves its epoch without: a part is no estimate."""
        # The counter starts over when the driver is loaded again.
        if self.epoch_joules is None or before is None or after is None or after < before:
            self.epoch_joules = None
        else:
            self.epoch_joules += after - before

    def _block_length(self) -> int:
        """Return the steps of the next block: 1, then 2, then ``BLOCK_SECONDS`` worth, up to the milestone."""
        length = 1
        if self.rates:
            length = max(1, round(BLOCK_SECONDS * self.rates[-1] / self.per_step))
        elif self.first_step_seconds is not None:
            length = 2
        milestone = self.preset.report_after_updates
        if milestone and self.updates < milestone:
            length = min(length, milestone - self.updates)
        return length

    def _evaluation_length(self, per_batch: int) -> int:
        """Return the number of batches, of ``per_batch`` predictions each, in a block of an evaluation.

        It is a power of 2 or ``EVALUATION_STEPS``, because a framework may build a graph for every length.
        """
        if not self.rates:
            return EVALUATION_STEPS
        within = int(EVALUATION_SECONDS * self.rates[-1] / per_batch)
        return min(EVALUATION_STEPS, 1 << max(0, within.bit_length() - 1))

    def _refuse_divergence(self, losses: np.ndarray, learning_rate: float) -> None:
        bad = np.flatnonzero(~(losses < MAX_LOSS))
        if bad.size:
            raise _diverged(f"update {self.updates + bad[0] + 1}", losses[bad[0]], learning_rate)

    def _milestone(self) -> list[Milestone]:
        """Return the test values now: for the whole split, and for its first batch, as the tutorial's exercise does.

        Evaluation has batches of its own, so the first batch has no more images than one of those.
        """
        whole = self.test[0]
        first = [whole._replace(batches=whole.batches[:1, : self.preset.batch_size])]
        protocols = {
            "all test images": self.test,
            f"first {first[0].batches.size} test images, as the tutorial": first,
        }
        return [
            {"updates": self.updates, "protocol": protocol, **self.evaluate(parts, protocol)}
            for protocol, parts in protocols.items()
        ]

    def _named(self, split: str, loss: float, accuracy: float | None, count: int) -> Row:
        """Return loss, metrics and count; accuracy is None for training, where it would cost another pass."""
        prefix = f"{split}_" if split else ""
        named = {"loss": loss, **self.task.metrics(loss), "predictions": count}
        if accuracy is not None:
            named["accuracy"] = accuracy
        return {f"{prefix}{name}": value for name, value in named.items()}


_SAVED = tuple(one.name for one in fields(TrainingLoop) if not one.init)


def _diverged(of: str, loss: float, learning_rate: float) -> DivergedError:
    return DivergedError(
        f"the loss of {of} is {loss} at learning rate {learning_rate:g}: the run has diverged; lower the preset's "
        "learning_rate or max_grad_norm"
    )


def _sentence(row: Row) -> str:
    metric = next(name for name in ("perplexity", "accuracy") if f"valid_{name}" in row)
    train = row.get(f"train_{metric}")
    shown = f"train {train:.2f}, " if train else f"train loss {row['train_loss']:.4f}, "
    rate = row["train_predictions"] / row["train_seconds"]
    value = row[f"valid_{metric}"]
    return (
        f"epoch {row['epoch']}: {metric} {shown}valid {value:.4g}, learning rate {row['learning_rate']:.4g}, "
        f"{rate:,.0f} predictions/s"
    )

"""Share one training run among several workers, whatever framework connects them.

Each worker trains on its rows of a batch and evaluates everything.  A framework says how its workers meet, average and
gather; the rest is here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np

from lstmbench.models.learner import Handle, Learner, ModelSpec, State, override
from lstmbench.models.process_group import RESUME_HINT, current_group
from lstmbench.utils.errors import WorkerError


@dataclass(frozen=True)
class Share:
    """Hold the state of this worker's rows, in the learner's own form."""

    state: State


class Worker(Learner):
    """Make a learner of one process a learner of several: ``class Learner(Worker, pytorch.Learner)``.

    Alone it computes what the other base class does.

    Raises:
        MachineError, UsageError: the workers cannot meet.
        WorkerError: another worker is lost.
    """

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        self.group = current_group()
        if self.group.size > 1:
            with self._together():
                self._meet(device)
        super().__init__(spec, device, seed, dtype)

    @override
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        return self._alone.state_arrays(self._whole(state))

    @override
    def train_block(
        self, data: Handle, batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        rows = self.group.share(batches.shape[1])
        own = state.state if isinstance(state, Share) else self._rows_of(state, rows)
        with self._together():
            losses, after = self._alone.train_block(data, batches[:, rows], own, learning_rate)
            return self._mean_losses(losses) if self.group.size > 1 else losses, Share(after)

    @override
    def eval_block(self, data: Handle, batches: np.ndarray, state: State) -> tuple[np.ndarray, np.ndarray, State]:
        return self._alone.eval_block(data, batches, self._whole(state))

    @override
    def broadcast(self, value: float) -> float:
        if self.group.size == 1:
            return value
        with self._together():
            return self._from_main(value)

    @property
    def _alone(self) -> Learner:
        """Return this object as the other base class knows it: a learner of one process."""
        return cast(Learner, super())

    @abstractmethod
    def _meet(self, device: str) -> None:
        """Join the other workers, with one GPU for each."""

    @abstractmethod
    def _rows_of(self, state: State, rows: slice) -> State:
        """Return the state of these rows."""

    @abstractmethod
    def _gathered(self, state: State) -> State:
        """Return the state of all rows, from that of this worker's."""

    @abstractmethod
    def _mean_losses(self, losses: np.ndarray) -> np.ndarray:
        """Return the mean of the losses over the workers."""

    @abstractmethod
    def _from_main(self, value: float) -> float:
        """Return rank 0's ``value``."""

    @abstractmethod
    def _why_lost(self, error: Exception) -> str | None:
        """Return in brief why another worker is lost, or None if ``error`` has another cause."""

    def _whole(self, state: State) -> State:
        """Return the state of all rows."""
        if not isinstance(state, Share):
            return state
        if self.group.size == 1:
            return state.state
        with self._together():
            return self._gathered(state.state)

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Report a worker that is lost in the block.

        Raises:
            WorkerError: a worker is lost.
        """
        try:
            yield
        except Exception as error:
            why = self._why_lost(error) if self.group.size > 1 else None
            if why is None:
                raise
            raise WorkerError(
                f"the worker of rank {self.group.rank} (of {self.group.size} workers) lost another: "
                f"{why}; {RESUME_HINT}"
            ) from error

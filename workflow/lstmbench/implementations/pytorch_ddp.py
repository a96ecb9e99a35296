"""Implement the LSTM in PyTorch over several workers: ``DistributedDataParallel``, by Gloo on CPUs and NCCL on GPUs.

It differs from ``pytorch``: each worker trains on its rows of a batch, and DistributedDataParallel averages the
gradients before gradient clipping.  Every worker draws the dropout mask of the whole batch and uses its rows of it.  So
several workers compute the same as one worker, except for the order of sums.  Every worker evaluates everything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lstmbench.implementations import pytorch
from lstmbench.implementations.pytorch import EXPECTED_KERNELS, State, configure, has_gpu, versions
from lstmbench.models.learner import ModelSpec
from lstmbench.models.process_group import RESUME_HINT, SILENCE_SECONDS, ProcessGroup, current_group
from lstmbench.utils.errors import MachineError, UsageError, WorkerError
from lstmbench.utils.escaping import brief

__all__ = ["DISTRIBUTED", "EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]

DISTRIBUTED = True

_LOST = re.compile(r"gloo|nccl|connection|socket|timed out", re.IGNORECASE)
"""Messages by which Gloo reports that a worker is gone; NCCL's errors have their own class."""


class Share(NamedTuple):
    """The state of this worker's rows: hidden and cell [layers, rows, hidden]."""

    hidden: Tensor
    cell: Tensor


class Model(pytorch.Model):
    """See ``pytorch.Model``; its dropout masks are this worker's rows of the whole batch's masks."""

    def __init__(self, spec: ModelSpec, in_bfloat16: bool) -> None:
        super().__init__(spec, in_bfloat16)
        self.group = current_group()
        self.output_dropout = Dropout(self.output_dropout.p, self.group)
        if spec.input_dropout:
            self.input_dropout = Dropout(self.input_dropout.p, self.group)

    def draws_masks_between_layers(self, features: Tensor) -> bool:
        """See ``pytorch.Model``; overridden so that every worker uses its rows of one mask."""
        return True

    def dropped_between_layers(self, values: Tensor) -> Tensor:
        """See ``pytorch.Model``."""
        return _dropped(values, self.lstm.dropout, self.group, batch=1)


class Dropout(nn.Module):
    """Apply ``nn.Dropout`` to this worker's rows of a batch, which are the first dimension."""

    def __init__(self, probability: float, group: ProcessGroup) -> None:
        super().__init__()
        self.probability, self.group = probability, group

    def forward(self, values: Tensor) -> Tensor:
        """Return ``values`` with dropout in training, otherwise unchanged."""
        return _dropped(values, self.probability, self.group, batch=0) if self.training else values


def _dropped(values: Tensor, probability: float, group: ProcessGroup, batch: int) -> Tensor:
    """Return ``values`` times this worker's rows of a mask for the whole batch, whose dimension is ``batch``.

    The mask has the memory layout of ``values``, so that its random numbers are those that a single worker would draw.
    """
    if probability == 0.0:
        return values
    order = sorted(range(values.dim()), key=values.stride, reverse=True)
    sizes = list(values.shape)
    sizes[batch] *= group.size
    ones = values.new_ones([sizes[place] for place in order]).permute(
        [order.index(place) for place in range(len(order))]
    )
    rows = group.share(sizes[batch])
    return values * nn.functional.dropout(ones, probability).narrow(batch, rows.start, values.shape[batch])


class Learner(pytorch.Learner):
    """See ``learner.Learner``."""

    MODEL = Model

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        self.group = current_group()
        if self.group.size > 1:
            with self._together():
                _meet(self.group, device)
        super().__init__(spec, device, seed, dtype)
        self.parallel = self.model
        if self.group.size > 1:
            self.parallel = DistributedDataParallel(self.model, gradient_as_bucket_view=True)

    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        """See ``learner.Learner``."""
        return super().state_arrays(self._whole(state))

    def train_block(
        self, data: tuple[Tensor, Tensor], batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        """See ``learner.Learner``."""
        rows = self.group.share(batches.shape[1])
        mine = state if isinstance(state, Share) else Share(*(part[:, rows] for part in state))
        with self._together():
            losses, after = super().train_block(data, batches[:, rows], mine, learning_rate)
            return self._mean(losses), Share(*after)

    def eval_block(
        self, data: tuple[Tensor, Tensor], batches: np.ndarray, state: State
    ) -> tuple[np.ndarray, np.ndarray, State]:
        """See ``learner.Learner``."""
        return super().eval_block(data, batches, self._whole(state))

    def broadcast(self, value: float) -> float:
        """See ``learner.Learner``."""
        if self.group.size == 1:
            return value
        with self._together():
            first = torch.tensor(value, dtype=torch.float64)
            distributed.broadcast(first, src=0)
            return first.item()

    def _forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        return self.parallel(inputs, state)

    def _whole(self, state: State) -> State:
        """Return the state of all rows."""
        if not isinstance(state, Share) or self.group.size == 1:
            return state
        with self._together():
            whole = []
            for part in state:
                shares = [torch.empty_like(part) for _ in range(self.group.size)]
                distributed.all_gather(shares, part.contiguous())
                whole.append(torch.cat(shares, dim=1))
            return tuple(whole)

    def _mean(self, losses: np.ndarray) -> np.ndarray:
        """Return the mean of the losses over the workers."""
        if self.group.size == 1:
            return losses
        total = torch.from_numpy(losses)
        distributed.all_reduce(total)
        return (total / self.group.size).numpy()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Report a worker that is lost in the block.

        Raises:
            WorkerError: a worker is lost.
        """
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, distributed.DistError) or (self.group.size > 1 and _LOST.search(str(error))):
                why = brief(error)
                raise WorkerError(
                    f"the worker of rank {self.group.rank} (of {self.group.size} workers) lost another: "
                    f"{why}; {RESUME_HINT}"
                ) from error
            raise


def _meet(group: ProcessGroup, device: str) -> None:
    """Join the other workers, with one GPU for each."""
    if device == "gpu":
        if torch.cuda.device_count() <= group.local_rank:
            raise MachineError(
                f"device gpu: expected a GPU per worker, found {torch.cuda.device_count()} on this machine for the "
                f"worker of rank {group.rank}, number {group.local_rank + 1} of it"
            )
        torch.cuda.set_device(group.local_rank)
    if distributed.is_initialized():
        return
    if "MASTER_ADDR" not in os.environ or "MASTER_PORT" not in os.environ:
        raise UsageError("environment: expected MASTER_ADDR and MASTER_PORT, where the worker of rank 0 listens")
    distributed.init_process_group(
        # Gloo carries what only the host holds.
        "cpu:gloo,cuda:nccl" if device == "gpu" else "gloo",
        rank=group.rank,
        world_size=group.size,
        timeout=timedelta(seconds=SILENCE_SECONDS),
    )

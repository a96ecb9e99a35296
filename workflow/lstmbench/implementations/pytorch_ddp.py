"""Implement the LSTM in PyTorch over several workers: ``DistributedDataParallel``, by Gloo on CPUs and NCCL on GPUs.

It differs from ``pytorch``: each worker trains on its rows of a batch, and DistributedDataParallel averages the
gradients before gradient clipping.  Every worker draws the dropout mask of the whole batch and uses its rows of it.  So
several workers compute the same as one worker, except for the order of sums.  Every worker evaluates everything.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lstmbench.implementations import pytorch
from lstmbench.implementations.pytorch import EXPECTED_KERNELS, State, configure, has_gpu, versions
from lstmbench.models.learner import ModelSpec, override
from lstmbench.models.process_group import SILENCE_SECONDS, ProcessGroup, current_group
from lstmbench.models.worker import Worker
from lstmbench.utils.errors import UsageError
from lstmbench.utils.escaping import brief

__all__ = ["DISTRIBUTED", "EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]

DISTRIBUTED = True

_LOST = re.compile(r"gloo|nccl|connection|socket|timed out", re.IGNORECASE)
"""Messages by which Gloo reports that a worker is gone; NCCL's errors have their own class."""


class Model(pytorch.Model):
    """``pytorch.Model`` whose dropout masks are this worker's rows of the whole batch's masks."""

    def __init__(self, spec: ModelSpec, in_bfloat16: bool) -> None:
        super().__init__(spec, in_bfloat16)
        self.group = current_group()
        self.output_dropout = Dropout(self.output_dropout.p, self.group)
        if spec.input_dropout:
            self.input_dropout = Dropout(self.input_dropout.p, self.group)

    @override
    def draws_masks_between_layers(self, features: Tensor) -> bool:
        return True

    @override
    def dropped_between_layers(self, values: Tensor) -> Tensor:
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


class Learner(Worker, pytorch.Learner):
    """Average the gradients of all workers by ``DistributedDataParallel``."""

    MODEL = Model

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        super().__init__(spec, device, seed, dtype)
        self.parallel = self.model
        if self.group.size > 1:
            self.parallel = DistributedDataParallel(self.model, gradient_as_bucket_view=True)

    def _forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        return self.parallel(inputs, state)

    def _meet(self, device: str) -> None:
        if device == "gpu":
            self.group.require_gpu(torch.cuda.device_count())
            torch.cuda.set_device(self.group.local_rank)
        if distributed.is_initialized():
            return
        if "MASTER_ADDR" not in os.environ or "MASTER_PORT" not in os.environ:
            raise UsageError("environment: expected MASTER_ADDR and MASTER_PORT, where the worker of rank 0 listens")
        distributed.init_process_group(
            # Gloo carries what only the host holds.
            "cpu:gloo,cuda:nccl" if device == "gpu" else "gloo",
            rank=self.group.rank,
            world_size=self.group.size,
            timeout=timedelta(seconds=SILENCE_SECONDS),
        )

    def _rows_of(self, state: State, rows: slice) -> State:
        hidden, cell = state
        return hidden[:, rows], cell[:, rows]

    def _gathered(self, state: State) -> State:
        whole = []
        for part in state:
            shares = [torch.empty_like(part) for _ in range(self.group.size)]
            distributed.all_gather(shares, part.contiguous())
            whole.append(torch.cat(shares, dim=1))
        return tuple(whole)

    def _mean_losses(self, losses: np.ndarray) -> np.ndarray:
        total = torch.from_numpy(losses)
        distributed.all_reduce(total)
        return (total / self.group.size).numpy()

    def _from_main(self, value: float) -> float:
        first = torch.tensor(value, dtype=torch.float64)
        distributed.broadcast(first, src=0)
        return first.item()

    def _why_lost(self, error: Exception) -> str | None:
        lost = isinstance(error, RuntimeError) and (
            isinstance(error, distributed.DistError) or _LOST.search(str(error))
        )
        return brief(error) if lost else None

"""Implement the LSTM in PyTorch as tutorials do, with the library's own gradient clipping: a baseline of speed.

It differs from ``pytorch`` by ``clip_grad_norm_``, which is inexact on large models.
"""

from __future__ import annotations

from torch import nn
from torch.profiler import record_function

from lstmbench.implementations import pytorch
from lstmbench.implementations.pytorch import EXPECTED_KERNELS, configure, has_gpu, versions

__all__ = ["EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]


class Learner(pytorch.Learner):
    """Clip gradients by ``clip_grad_norm_``."""

    def _clip(self) -> None:
        if self.spec.max_grad_norm is not None:
            with record_function("clip"):
                nn.utils.clip_grad_norm_(self.trained, self.spec.max_grad_norm)

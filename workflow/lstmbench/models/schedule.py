"""Compute the learning rate of an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lstmbench.models.presets import Preset


def learning_rate_at(preset: Preset, epoch: int) -> float:
    """Return the learning rate of ``epoch``, counted from 1.

    It is full for the first ``full_rate_epochs``, then multiplied by ``lr_decay`` before each epoch.
    Source: TensorFlow tutorial, models/tutorials/rnn/ptb/ptb_word_lm.py, ``main``: ``max_epoch`` and ``lr_decay``.
    """
    return preset.learning_rate * preset.lr_decay ** max(epoch - preset.full_rate_epochs, 0)

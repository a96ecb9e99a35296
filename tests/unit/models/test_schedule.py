"""The learning rate over the epochs."""

from __future__ import annotations

from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.models.schedule import learning_rate_at


def test_the_learning_rate_decays_from_the_epoch_after_the_full_rate_ones():
    small = load_preset(PRESETS / "ptb" / "small.yaml")
    assert [learning_rate_at(small, epoch) for epoch in (1, 4, 5, 6, 13)] == [1, 1, 0.5, 0.25, 0.5**9]
    adventures = load_preset(PRESETS / "ptb" / "adventures.yaml")
    # The source counts epochs from 0: 0.93 ** max(epoch + 1 - 10, 0).
    assert [learning_rate_at(adventures, epoch + 1) for epoch in range(60)] == [
        0.93 ** max(epoch + 1 - 10, 0) for epoch in range(60)
    ]

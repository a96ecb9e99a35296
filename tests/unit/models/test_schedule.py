"""The learning rate over the epochs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

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


@pytest.mark.parametrize(("size", "factor"), [("small", 0.5), ("medium", 1 / 1.2), ("large", 1 / 1.15)])
def test_the_schedule_of_zaremba_decays_one_epoch_later_and_all_else_is_the_tutorials(size, factor):
    tutorial, zaremba = (load_preset(PRESETS / "ptb" / f"{name}{size}.yaml") for name in ("", "schedule-zaremba-"))
    assert zaremba.full_rate_epochs == tutorial.full_rate_epochs + 1
    own = {"source": zaremba.source, "full_rate_epochs": zaremba.full_rate_epochs, "lr_decay": zaremba.lr_decay}
    assert replace(tutorial, **own) == zaremba
    last = tutorial.full_rate_epochs + 1
    assert [learning_rate_at(zaremba, epoch) for epoch in (last, last + 1, last + 2)] == [1, factor, factor**2]

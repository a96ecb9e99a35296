"""Figures of scaling: a line per implementation, the ideal beside it, and words where nothing was measured."""

from __future__ import annotations

import pandas as pd
import pytest

from lstmbench.analysis.scaling import SCALED
from lstmbench.reporting.figures.scaling import draw
from lstmbench.reporting.scaling import WORDS


@pytest.fixture
def table():
    scaled = SCALED["workers"]
    rows = [
        {"size": size, "device": "cpu", "implementation": "pytorch_ddp", "workers": count, "speed_up": speed_up}
        for size in ("small", "large")
        for count, speed_up in ((1, 1.0), (2, 1.8), (4, 3.1))
    ]
    return pd.DataFrame(rows).reindex(columns=scaled.columns).fillna({"dataset": "ptb"})


def test_each_size_has_a_panel_with_the_speed_up_and_the_ideal(table):
    panels = draw(SCALED["workers"], "ptb", table).axes
    assert [panel.get_title() for panel in panels] == ["small, cpu", "large, cpu"]
    for panel in panels:
        ideal, line = (list(map(float, drawn.get_ydata())) for drawn in panel.get_lines())
        assert ideal == [1.0, 2.0, 4.0]
        assert line == [1.0, 1.8, 3.1]


def test_without_a_number_the_figure_says_so(table):
    (panel,) = draw(SCALED["workers"], "ptb", table.iloc[:0]).axes
    assert [text.get_text() for text in panel.texts] == [WORDS["workers"].empty]

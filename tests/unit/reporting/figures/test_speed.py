"""Figures of speed: true to the tables, with whatever failed or could not be told."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb

from lstmbench.analysis.speed import analyse
from lstmbench.records.tables import write_table
from lstmbench.reporting.figures import speed
from lstmbench.reporting.figures.style import figure_style
from lstmbench.timing.probes import PARTS
from tests.factories.measurements import edited, make_measurement
from tests.helpers.run_command import run_command

SPEEDS = {"pytorch": [10.0, 10.2, 9.8], "tensorflow": [5.0]}


def drawn(kind, *measurements):
    """The figure of the only data set of the measurements."""
    tables = analyse(measurements)
    with figure_style():
        if kind == "ceiling":
            figure = speed.draw_ceiling("ptb", tables["speed"])
        else:
            figure = speed.draw_anatomy("ptb", tables["speed"], tables["anatomy"])
        figure.canvas.draw()
    return figure


def texts(axes):
    return [text.get_text() for text in axes.texts]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_files_follow_from_the_names_of_the_data_sets_and_have_the_same_bytes_each_time(tmp_path):
    for name, table in analyse([make_measurement(SPEEDS), make_measurement(SPEEDS, dataset="mnist")]).items():
        write_table(tmp_path / f"{name}.csv", table)
    for folder in ("a", "b"):
        run_command("plot-speed", ["--tables", str(tmp_path), "--output-dir", str(tmp_path / folder)])
    kinds, formats = ("ceiling", "anatomy"), ("svg", "png", "pdf")
    names = {f"{kind}_{name}.{suffix}" for kind in kinds for name in ("ptb", "mnist") for suffix in formats}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_a_bar_ends_at_the_speed_and_the_mark_stands_where_the_products_alone_would_be():
    (axes,) = drawn("ceiling", make_measurement({"pytorch": [10.0] * 3})).axes
    (bar,) = axes.patches
    assert bar.get_width() == pytest.approx(4000, rel=1e-3)
    (mark,) = axes.collections
    assert mark.get_segments()[0][0][0] == pytest.approx(8000, rel=1e-3)
    assert texts(axes)[0].endswith("  50 %")
    assert (axes.get_xlim()[0], axes.get_xlabel()) == (0, "words/s")


def test_without_products_there_is_no_mark_and_no_share():
    (axes,) = drawn("ceiling", make_measurement({"pytorch": [10.0]}, products=[])).axes
    assert len(axes.collections) == 0
    assert "%" not in texts(axes)[0]


def test_an_interval_is_drawn_where_there_is_one():
    figure = drawn("ceiling", make_measurement(SPEEDS))
    with_one, without = figure.axes[0].lines
    low, high = with_one.get_xdata()
    assert low < 4000 < high
    assert without.get_xdata()[0] != without.get_xdata()[0]
    assert "95 % interval" in legend(figure)
    assert "95 % interval" not in legend(drawn("ceiling", make_measurement({"pytorch": [10.0]})))


def test_a_case_that_failed_is_there_and_says_so():
    figure = drawn("ceiling", make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"}))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pytorch", "tensorflow"]
    assert texts(axes)[1] == "failed"
    assert len(axes.patches) == 1
    (axes,) = drawn("anatomy", make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"})).axes
    assert "not traced" in texts(axes)


def test_a_size_of_which_all_failed_has_a_panel_without_a_scale():
    failed = make_measurement({}, size="large", failures={"pytorch": "x", "tensorflow": "x"})
    _, large = drawn("ceiling", make_measurement(SPEEDS), failed).axes
    assert texts(large) == ["failed", "failed"]
    assert list(large.get_xticks()) == []
    _, large = drawn("anatomy", make_measurement(SPEEDS), failed).axes
    assert texts(large) == ["not measured"]


def test_what_is_not_to_be_quoted_is_drawn_hollow():
    measurement = make_measurement({"pytorch": [10.0] * 3})
    measurement.blocks.loc[::2, "seconds"] *= 1.4
    figure = drawn("ceiling", measurement)
    assert figure.axes[0].patches[0].get_facecolor()[:3] == to_rgb("white")
    assert "not to be quoted" in legend(figure)
    assert "not to be quoted" not in legend(drawn("ceiling", make_measurement(SPEEDS)))


def test_the_parts_of_a_step_stand_one_after_another_and_their_products_are_dark():
    (axes,) = drawn("anatomy", make_measurement({"pytorch": [10.0]})).axes
    whole, products = axes.patches[::2], axes.patches[1::2]
    assert [bar.get_width() for bar in whole] == pytest.approx([40, 30, 10, 20])
    assert [bar.get_x() for bar in whole] == pytest.approx([0, 40, 70, 80])
    assert [bar.get_width() for bar in products] == pytest.approx([30, 20, 0, 0])
    assert [bar.get_hatch() for bar in whole] == [None, "////", None, None]
    assert products[0].get_facecolor()[:3] == to_rgb(speed.COLOURS["recurrent"])


def test_a_step_of_which_little_was_traced_says_so_beside_its_bar():
    (axes,) = drawn("anatomy", make_measurement({"pytorch": [10.0]}, details__trace__step_seconds=0.4)).axes
    assert texts(axes) == ["400, 20 % traced"]
    (axes,) = drawn("anatomy", make_measurement({"pytorch": [10.0]})).axes
    assert texts(axes) == ["100"]


def test_a_part_that_came_out_shorter_than_its_products_keeps_its_length():
    slow = [{"name": "x", "part": "recurrent", "direction": "forward", "left": [1, 1], "right": [1, 1],
             "transposed": "", "count": 1, "flops": 2, "seconds": 9.0}]  # fmt: skip
    (axes,) = drawn("anatomy", make_measurement({"pytorch": [10.0]}, products=slow)).axes
    assert axes.patches[1].get_width() == pytest.approx(40)


def test_each_panel_has_a_scale_of_its_own():
    figure = drawn("anatomy", make_measurement(SPEEDS), make_measurement({"pytorch": [0.1]}, size="large"))
    small, large = (axes.get_xlim()[1] for axes in figure.axes)
    assert large > 10 * small


def test_every_part_of_a_step_has_a_colour_of_its_own():
    assert set(speed.COLOURS) == {*PARTS, "between operations"}
    assert len(set(speed.COLOURS.values())) == len(speed.COLOURS)


@pytest.mark.parametrize("kind", ["ceiling", "anatomy"])
@pytest.mark.parametrize("sizes", [["small"], ["small", "medium", "large"]])
@pytest.mark.parametrize("step_seconds", [0.1, 9.999])
def test_no_legend_or_label_is_cut_off_however_few_the_panels(kind, sizes, step_seconds):
    def slow(sample):
        if "details" in sample:
            sample["details"]["trace"]["step_seconds"] = step_seconds

    made = [edited(make_measurement({**SPEEDS, "tensorflow_fused": [7.0]}, size=size), slow) for size in sizes]
    figure = drawn(kind, *made)
    (found,) = figure.legends
    assert found.get_window_extent().x1 <= figure.bbox.x1
    for axes in figure.axes:
        assert all(text.get_window_extent().x1 <= axes.bbox.x1 for text in axes.texts)
        assert all(label.get_window_extent().x0 >= 0 for label in axes.get_yticklabels())


def test_a_million_is_written_out_on_the_axis():
    (axes,) = drawn("ceiling", make_measurement({"pytorch": [5000.0] * 3})).axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert any(label.endswith(",000,000") for label in labels), labels

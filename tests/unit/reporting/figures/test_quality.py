"""Figures: the files a data set's name predicts, the same bytes each time, one look per implementation."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lstmbench import implementations
from lstmbench.analysis import speed
from lstmbench.reporting.figures import overview as plot_overview
from lstmbench.reporting.figures import quality, style
from lstmbench.reporting.figures.style import looks
from tests.factories.records import CAPS, make_record, save
from tests.factories.tables import PUBLISHED, TARGETS, make_tables
from tests.helpers.run_command import run_command


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The folder of tables of two data sets: perplexity and accuracy, complete and capped, missing cases included."""
    results = tmp_path_factory.mktemp("results")
    records = [
        make_record("ptb", "small", name, seed=seed, metric=100.0 + seed)
        for name, seed in itertools.product(("pytorch", "tensorflow"), (1, 2))
    ]
    records += [make_record("ptb", "large", "pytorch", metric=2100.0, epochs=1, caps=CAPS)]
    records += [make_record("mnist", "small", "pytorch", "gpu"), make_record("mnist", "large", "pytorch", "cpu")]
    folder = results / "tables"
    run_command("collect", ["--output-dir", str(folder), *map(str, save(results, *records))])
    run_command("tabulate", ["--tables", str(folder), "--published", str(PUBLISHED), "--targets", str(TARGETS)])
    return folder


@pytest.fixture(scope="module")
def figures(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    run_command("plot", ["--tables", str(tables), "--output-dir", str(folder)])
    return folder


def drawn(tables, dataset, kind):
    """The axes of one figure."""
    frames = (quality.read_table(tables / f"{name}.csv") for name in ("runs", "history", "quality"))
    own = quality.Tables(*(quality._in_percent(frame[frame["dataset"] == dataset]) for frame in frames))
    with quality.figure_style():
        return quality.FIGURES[kind](dataset, own).axes


def test_the_files_follow_from_the_names_of_the_data_sets(figures):
    kinds, formats = ("learning", "quality"), ("svg", "png", "pdf")
    names = {f"{kind}_{name}.{suffix}" for kind in kinds for name in ("ptb", "mnist") for suffix in formats}
    assert {path.name for path in figures.iterdir()} == names


def test_the_same_tables_give_the_same_bytes(tables, figures, tmp_path):
    frames = (quality.read_table(tables / f"{name}.csv") for name in ("runs", "history", "quality"))
    own = quality.Tables(*(frame[frame["dataset"] == "ptb"] for frame in frames))
    with quality.figure_style():
        again = style.save(quality.draw_quality("ptb", own), tmp_path / "quality_ptb")
    assert len(again) == 3
    assert all(path.read_bytes() == (figures / path.name).read_bytes() for path in again)


RC = """\
axes.facecolor: black
axes.formatter.use_locale: True
font.size: 20
font.sans-serif: Comic Sans MS
lines.antialiased: False
path.simplify: False
savefig.bbox: tight
savefig.facecolor: red
svg.image_inline: False
"""


@pytest.mark.parametrize("module", ["quality", "speed", "scaling", "overview"])
def test_a_notebook_s_backend_that_is_not_here_stops_no_figure(module):
    notebook = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    command = [sys.executable, "-c", f"import lstmbench.reporting.figures.{module}"]
    done = subprocess.run(command, env=notebook, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_what_a_user_set_for_other_programs_changes_no_byte_of_a_figure(tables, figures, tmp_path):
    user = {
        "HOME": str(tmp_path),
        "LC_ALL": "C",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "MPLBACKEND": "svg",
        "PYTHONDONTWRITEBYTECODE": "",  # or every test run compiles all libraries again
        "PYTHONHASHSEED": "7",
        "PYTHONOPTIMIZE": "2",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SOURCE_DATE_EPOCH": "0",
        "TZ": "Asia/Kolkata",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    for path in (tmp_path / "matplotlibrc", tmp_path / "config/matplotlib/matplotlibrc", tmp_path / "cwd/matplotlibrc"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RC, encoding="utf-8")
    command = [sys.executable, "-m", "lstmbench", "plot", "--tables", tables, "--output-dir", tmp_path / "figures"]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path / "cwd", env={**os.environ, **user}, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert made.keys() == {path.name for path in figures.iterdir()}
    assert [path.name for path in figures.iterdir() if path.read_bytes() != made[path.name]] == []


def test_an_svg_holds_no_date(figures):
    text = (figures / "learning_ptb.svg").read_text(encoding="utf-8")
    assert "<dc:date>" not in text


def test_a_capped_panel_says_so_and_has_no_published_line(tables):
    small, large = drawn(tables, "ptb", "quality")
    assert small.get_title(loc="right") == "2 seeds"
    assert small.get_xlabel() == "published: 114.50\nZaremba et al. 2014"
    assert large.get_title(loc="right") == "1 seed, capped"
    assert large.get_xlabel() == ""


def test_every_panel_of_the_crossing_is_there_even_if_not_run(tables):
    titles = [axes.get_title(loc="left") for axes in drawn(tables, "mnist", "quality")]
    assert titles == ["small, cpu", "large, cpu", "small, gpu", "large, gpu"]
    texts = [[text.get_text() for text in axes.texts] for axes in drawn(tables, "mnist", "quality")]
    assert ["not run" in text for text in texts] == [True, False, False, True]


def test_a_learning_curve_is_the_log_mean_over_the_seeds(tables):
    small, _ = drawn(tables, "ptb", "learning")
    bold = [line for line in small.lines if line.get_linewidth() == 1.6]
    assert len(bold) == 2
    np.testing.assert_allclose(bold[0].get_ydata()[-1], math.sqrt(101.0 * 102.0))


@pytest.mark.parametrize(("seeds", "curves"), [(quality.MAX_CURVES, quality.MAX_CURVES), (quality.MAX_CURVES + 1, 0)])
def test_many_seeds_are_a_band_from_the_lowest_to_the_highest(tables, seeds, curves):
    frames = {name: quality.read_table(tables / f"{name}.csv") for name in ("runs", "history", "quality")}
    one = {name: table[(table["dataset"] == "ptb") & (table["size"] == "small")] for name, table in frames.items()}
    first = one["history"].query("seed == 1 and implementation == 'pytorch'")
    many = [first.assign(seed=seed, valid_perplexity=100.0 + seed) for seed in range(1, seeds + 1)]
    own = quality.Tables(one["runs"], pd.concat(many), one["quality"])
    with quality.figure_style():
        (panel,) = quality.draw_learning("ptb", own).axes
    assert len([line for line in panel.lines if line.get_linewidth() == 0.7]) == curves
    bands = [band.get_datalim(panel.transData).get_points()[:, 1].tolist() for band in panel.collections]
    assert bands == ([] if curves else [[101.0, 100.0 + seeds]])


def test_every_seed_and_the_mean_are_points(tables):
    small, _ = drawn(tables, "ptb", "quality")
    seeds, mean = small.lines[0], next(line for line in small.lines if line.get_markersize() == 8)
    np.testing.assert_allclose(seeds.get_ydata(), [101.0, 102.0])
    np.testing.assert_allclose(mean.get_ydata(), [math.sqrt(101.0 * 102.0)])


def test_accuracy_is_in_percent(tables):
    _, large, *_ = drawn(tables, "mnist", "quality")
    (mean,) = [line for line in large.lines if line.get_markersize() == 8][:1]
    low, high = large.get_ylim()
    assert 90 < low < mean.get_ydata()[0] < high


def test_no_accuracy_axis_goes_beyond_100_percent_by_more_than_a_marker(tables):
    assert all(axes.get_ylim()[1] < 102 for axes in drawn(tables, "mnist", "quality"))


def test_axes_name_their_quantity_and_unit(tables):
    assert drawn(tables, "ptb", "quality")[0].get_ylabel() == "test perplexity (log axis)"
    assert drawn(tables, "mnist", "learning")[0].get_ylabel() == "accuracy, %"


def test_no_two_implementations_share_a_colour_marker_or_line():
    names = [*implementations.names(), "torch_compiled", "keras_torch"]
    given = looks(names)
    for field in ("colour", "marker", "line"):
        assert len({str(getattr(given[name], field)) for name in names}) == len(names)


def test_a_known_implementation_keeps_its_look_whoever_is_beside_it():
    assert looks(["pytorch"])["pytorch"] == looks(["abacus", "pytorch", "zeta"])["pytorch"]


@pytest.mark.parametrize("sizes", [["small"], ["small", "large"]])
@pytest.mark.parametrize("kind", list(quality.FIGURES))
def test_no_legend_is_cut_off_however_few_the_panels(tables, kind, sizes):
    frames = (quality.read_table(tables / f"{name}.csv") for name in ("runs", "history", "quality"))
    own = quality.Tables(*(frame[(frame["dataset"] == "ptb") & frame["size"].isin(sizes)] for frame in frames))
    with quality.figure_style():
        figure = quality.FIGURES[kind]("ptb", own)
        figure.canvas.draw()
    (legend,) = figure.legends
    assert legend.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize(("caps", "floors"), [({}, 1), ({"caps": CAPS}, 0)])
def test_a_legend_names_a_floor_only_if_one_is_drawn(tmp_path, caps, floors):
    made = make_tables(tmp_path, make_record("markov", metric=22.0, **caps))
    own = quality.Tables(*(made[name] for name in ("runs", "history", "quality")))
    with quality.figure_style():
        figure = quality.draw_quality("markov", own)
    assert [text.get_text() for text in figure.legends[0].get_texts()].count("floor") == floors
    assert figure.axes[0].get_xlabel().count("floor") == floors


def test_the_overview_names_the_device_that_it_draws_if_there_are_several(tmp_path):
    records = [make_record("ptb", device=device) for device in ("gpu", "cpu")]
    make_tables(tmp_path, *records, make_record("mnist"))
    assert list(overview(tmp_path / "tables")) == ["MNIST small", "PTB small (cpu)"]


def test_the_legend_of_the_overview_names_what_it_draws_and_nothing_else(tmp_path):
    of_another_size = make_record("glyphs", "medium", "tensorflow", caps=CAPS)
    make_tables(tmp_path, make_record("glyphs", "small"), of_another_size)
    (panel,) = overview(tmp_path / "tables").values()
    (legend,) = panel.figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["PyTorch", *["target"] * (len(panel.lines) - 1)]


def overview(tables):
    """The axes of the one picture of the first screen, of runs without a measured speed."""
    frames = {name: quality.read_table(tables / f"{name}.csv") for name in plot_overview.TABLES if name != "speed"}
    frames["speed"] = pd.DataFrame(columns=speed.SPEED)
    with quality.figure_style():
        figure = plot_overview.draw(frames)
        figure.canvas.draw()
    (legend,) = figure.legends
    assert legend.get_window_extent().x1 <= figure.bbox.x1
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def test_the_overview_shows_the_size_that_the_lines_are_about(tables):
    assert list(overview(tables)) == ["MNIST large", "PTB small"]


def test_the_overview_shows_validation_over_the_seconds_of_training_and_which_way_is_better(tables):
    panel = overview(tables)["PTB small"]
    pytorch, tensorflow, target = panel.lines
    for line in (pytorch, tensorflow):
        np.testing.assert_allclose(line.get_xdata(), [250.0, 500.0])
        np.testing.assert_allclose(line.get_ydata()[-1], math.sqrt(101.0 * 102.0))
    assert target.get_ydata()[0] == 121.39
    assert panel.get_ylabel() == "validation perplexity\n(lower is better)"
    assert overview(tables)["MNIST large"].get_ylabel() == "validation accuracy, %\n(higher is better)"

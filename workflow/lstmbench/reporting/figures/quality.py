"""Plot learning curves and quality of each data set, as SVG and PNG.

Every figure has a panel per size, and a row of panels per device if there are several:
``learning_{dataset}`` and ``quality_{dataset}``.
"""

from __future__ import annotations

from lstmbench.reporting import cells, order
from lstmbench.reporting.figures.style import INK, REFERENCE, figure_style, looks, save

# isort: split
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from lstmbench.analysis.learning_curves import mean_by_epoch, range_by_epoch
from lstmbench.records.tables import read_table

PANEL_WIDTH, PANEL_HEIGHT = 3.1, 2.9  # inches

# Minimum range of an axis: a narrower one would enlarge rounding differences into a finding.
MIN_RATIO = 1.04  # of the ends of a perplexity axis
MIN_SPAN = 0.6  # percentage points, of an accuracy axis
PADDING = 1.25  # widens a shared axis, so that no marker or label is cut off at its ends

MAX_CURVES = 10
"""Curves of single seeds per implementation in a panel; above, a band from lowest to highest is clearer."""

TRAINING_LINE = (0, (2, 1.5))
PUBLISHED_LINE = (0, (6, 3))
FLOOR_LINE = (0, (1, 2))

FLOORS = {"published": ("floor", "on this text"), "published_valid": ("source_perplexity", "on average")}
"""The column of the floor beside a published value, and what it is of.

A test is compared with what the source would score on its words, other splits with endless text.
"""


@dataclass(frozen=True)
class Tables:
    """The rows of one data set; accuracies in %."""

    runs: pd.DataFrame
    history: pd.DataFrame
    quality: pd.DataFrame

    @property
    def metric(self) -> str:
        """Return the metric: perplexity or accuracy."""
        return str(self.quality["metric"].iloc[0])

    @property
    def unit(self) -> str:
        """Return what follows the metric on an axis."""
        return ", %" if self.metric == "accuracy" else " (log axis)"

    def case(self, size: str, device: str) -> Tables:
        """Return the rows of one panel."""
        tables = (self.runs, self.history, self.quality)
        return Tables(*(table[(table["size"] == size) & (table["device"] == device)] for table in tables))


def draw_learning(dataset: str, tables: Tables) -> Figure:
    """Draw validation per epoch: the mean over the seeds bold, single seeds (or their range) faint, training dashed."""
    metric = tables.metric
    looked = looks(tables.runs["implementation"])

    def draw(axes: Axes, case: Tables) -> list[str]:
        for name, rows in case.history.groupby("implementation", sort=True):
            look = looked[name]
            _scatter(axes, rows, f"valid_{metric}", look.colour)
            mean = mean_by_epoch(rows, f"valid_{metric}", metric)
            axes.plot(
                mean.index, mean, color=look.colour, linestyle=look.line, linewidth=1.6, marker=look.marker,
                markersize=4.5, markerfacecolor="white", markevery=math.ceil(len(mean) / 12),
            )  # fmt: skip
            if metric == "perplexity":
                mean = mean_by_epoch(rows, "train_perplexity", metric)
                alone = "." if len(mean) == 1 else None
                axes.plot(mean.index, mean, color=look.colour, linestyle=TRAINING_LINE, linewidth=1, marker=alone)
        last = case.history["epoch"].max()
        axes.set_xlim(*((1 - 0.04 * last, 1.04 * last) if last > 1 else (0.5, 1.5)))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6) if last > 1 else FixedLocator([1]))
        return ["epoch", *_published_lines(axes, case.quality, "published_valid", metric)]

    figure = _panels(tables, draw, f"Learning curves: {dataset}", f"{metric}{tables.unit}", metric)
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.line, linewidth=1.6, marker=look.marker, markersize=4.5,
               markerfacecolor="white", label=f"{name}, validation")
        for name, look in looked.items()
    ]  # fmt: skip
    if metric == "perplexity":
        handles.append(Line2D([], [], color=INK, linestyle=TRAINING_LINE, linewidth=1, label="training"))
    _legend(figure, handles, tables.quality, "published_valid")
    return figure


def draw_quality(dataset: str, tables: Tables) -> Figure:
    """Draw the test metric of each seed and its mean."""
    metric = tables.metric

    def draw(axes: Axes, case: Tables) -> list[str]:
        means = case.quality[["implementation", "test_mean"]].to_numpy()
        _columns(axes, tables.runs, case.runs, metric, means)
        return _published_lines(axes, case.quality, "published", metric)

    figure = _panels(tables, draw, f"Quality: {dataset}", f"test {metric}{tables.unit}", metric)
    handles = [_dot(4, "white", "one seed"), _dot(8, INK, "mean over the seeds")]
    _legend(figure, handles, tables.quality, "published")
    return figure


FIGURES = {"learning": draw_learning, "quality": draw_quality}


def draw_nothing(dataset: str) -> Figure:
    """Return what takes the place of each figure of a data set whose runs all failed."""
    figure = Figure(figsize=(PANEL_WIDTH, 0.9))
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, f"{dataset}: every run failed", horizontalalignment="center", verticalalignment="center")
    return figure


def plot(tables: Path, output_dir: Path) -> list[Path]:
    """Draw every figure of every data set in ``tables``, and return the paths written.

    Raises:
        DataError: a table that is missing or unreadable.
    """
    runs, history, quality = (read_table(tables / f"{name}.parquet") for name in ("runs", "history", "quality"))
    datasets = sorted(quality["dataset"].unique())
    quality = quality[quality["failure"] == ""]
    written = []
    for dataset in datasets:
        parts = (_in_percent(table[table["dataset"] == dataset]) for table in (runs, history, quality))
        own = Tables(*parts)
        for kind, draw in FIGURES.items():
            with figure_style():
                figure = draw_nothing(dataset) if own.runs.empty else draw(dataset, own)
                written += save(figure, output_dir / f"{kind}_{dataset}")
    return written


def _scatter(axes: Axes, rows: pd.DataFrame, column: str, colour: str) -> None:
    """Draw the spread between the seeds of one implementation."""
    seeds = [row for _, row in rows.groupby("seed")]
    if len(seeds) > MAX_CURVES:
        low, high = range_by_epoch(rows, column)
        axes.fill_between(low.index, low, high, color=colour, linewidth=0, alpha=0.2)
    elif len(seeds) > 1:
        for row in seeds:
            axes.plot(row["epoch"], row[column], color=colour, linewidth=0.7, alpha=0.35)


def _in_percent(table: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in table if name.endswith("accuracy")]
    if "metric" in table and (table["metric"] == "accuracy").all():
        columns = ["test_mean", "test_min", "test_max", "valid_mean", "published", "published_valid"]
    return table.assign(**{name: 100 * table[name] for name in columns})


def _panels(
    tables: Tables,
    draw: Callable[[Axes, Tables], list[str]],
    title: str,
    label: str,
    metric: str,
) -> Figure:
    """Return a figure with a panel per size and device; complete runs share the axis of ``metric``.

    ``draw`` draws a panel and returns the lines to write below it.
    """
    sizes = list(order.by_size(tables.runs)["size"].unique())
    devices = order.devices(tables.runs["device"])
    figure = Figure(figsize=(0.5 + PANEL_WIDTH * len(sizes), 0.9 + PANEL_HEIGHT * len(devices)))
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=12, fontweight="bold")
    grid = figure.subplots(len(devices), len(sizes), squeeze=False)
    complete: list[Axes] = []
    single: list[Axes] = []
    for row, device in enumerate(devices):
        for column, size in enumerate(sizes):
            axes, case = grid[row, column], tables.case(size, device)
            axes.set_title(size if len(devices) == 1 else f"{size}, {device}")
            if column == 0:
                axes.set_ylabel(label)
            if case.runs.empty:
                axes.text(0.5, 0.5, "not run", transform=axes.transAxes, horizontalalignment="center")
                axes.set(xticks=[], yticks=[])
                continue
            if metric == "perplexity":
                axes.set_yscale("log")
            below = draw(axes, case)
            axes.set_xlabel("\n".join(below), linespacing=1.5)
            capped = (case.runs["caps"] != "").any()
            seeds = case.runs["seed"].nunique()
            remark = f"{seeds} seed{'s' if seeds > 1 else ''}" + (", capped" if capped else "")
            axes.set_title(remark, loc="right", fontsize=8.5, fontweight="bold" if capped else "normal")
            (single if capped else complete).append(axes)
    for group in [complete, *([axes] for axes in single)]:
        share_range(group, metric)
    return figure


def share_range(group: list[Axes], metric: str) -> None:
    """Give the axes of a group one range and readable ticks."""
    if not group:
        return
    low, high = min(axes.get_ylim()[0] for axes in group), max(axes.get_ylim()[1] for axes in group)
    if metric == "perplexity":
        middle, ratio = math.sqrt(low * high), max((high / low) ** PADDING, MIN_RATIO)
        low, high = middle / math.sqrt(ratio), middle * math.sqrt(ratio)
        # A log axis has too few ticks of its own for a range well within a power of ten.
        log_ticks = ratio > 4
    else:
        middle, span = (low + high) / 2, max((high - low) * PADDING, MIN_SPAN)
        # No accuracy is above 100 %; leave a little room for the marker of one that reaches it.
        low, high, log_ticks = middle - span / 2, min(middle + span / 2, 100 + 0.04 * span), False
    for axes in group:
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1, 1.5, 2, 3, 5, 7)) if log_ticks else MaxNLocator(nbins=6, steps=[1, 2, 5, 10])
        )
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def _columns(
    axes: Axes, all_runs: pd.DataFrame, runs: pd.DataFrame, metric: str, means: Iterable[tuple[str, float]]
) -> None:
    """Draw a column per implementation: a point per run, and a large one with its value for each of ``means``."""
    looked = looks(all_runs["implementation"])
    places = {name: place for place, name in enumerate(looked)}
    for name, rows in runs.groupby("implementation", sort=True):
        look, count, rows = looked[name], len(rows), rows.sort_values("seed")
        spots = places[name] - 0.24 + (np.linspace(-0.12, 0.12, count) if count > 1 else np.zeros(1))
        axes.plot(
            spots, rows[f"test_{metric}"], color=look.colour, linestyle="none", marker=look.marker,
            markersize=4, markerfacecolor="white", markeredgewidth=0.9,
        )  # fmt: skip
    for name, value in means:
        if math.isnan(value):
            continue
        look = looked[name]
        axes.plot([places[name]], [value], color=look.colour, marker=look.marker, markersize=8)
        axes.annotate(
            _value(value, metric), (places[name], value), xytext=(-3, 8), textcoords="offset points", zorder=1.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    axes.set_xticks(list(places.values()), list(places))
    axes.set_xlim(-0.65, len(places) - 0.5)
    axes.margins(y=0.15)


def _published_lines(axes: Axes, quality: pd.DataFrame, column: str, metric: str) -> list[str]:
    """Draw the published value and the floor of a panel, and return the lines of text that name them."""
    texts = []
    published = quality.dropna(subset=[column]).drop_duplicates(column)
    for value, source in zip(published[column], published[f"{column}_source"], strict=True):
        axes.axhline(value, color=REFERENCE, linestyle=PUBLISHED_LINE, linewidth=0.9, zorder=1)
        texts.append(f"published: {_value(value, metric)}\n{source}")
    floor, text = FLOORS[column]
    for value in quality[floor].dropna().unique():
        axes.axhline(value, color=REFERENCE, linestyle=FLOOR_LINE, linewidth=1.2, zorder=1)
        texts.append(f"floor, the source {text}: {_value(value, metric)}")
    return texts


def _value(value: float, metric: str) -> str:
    return cells.metric(value / 100 if metric == "accuracy" else value, metric)


def _dot(size: float, face: str, label: str) -> Line2D:
    return Line2D([], [], color=INK, linestyle="none", marker="o", markersize=size, markerfacecolor=face, label=label)


def _legend(figure: Figure, handles: list[Line2D], quality: pd.DataFrame, column: str) -> None:
    lines = (("published", column, PUBLISHED_LINE, 0.9), ("floor", FLOORS[column][0], FLOOR_LINE, 1.2))
    for label, where, line, width in lines:
        if quality[where].notna().any():
            handles = [*handles, Line2D([], [], color=REFERENCE, linestyle=line, linewidth=width, label=label)]
    # As many entries side by side as fit into the width of the panels above.
    ncols = {1: 1, 2: 3}.get(round(figure.get_figwidth() / PANEL_WIDTH), 5)
    figure.legend(handles=handles, loc="outside lower left", ncols=ncols, handlelength=3)

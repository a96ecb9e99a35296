"""Plot the overview: one picture of quality and speed together, as SVG, PNG and PDF.

A panel per data set, for the size that the report describes first: the validation metric over the seconds of training.
"""

from __future__ import annotations

from lstmbench.reporting import order
from lstmbench.reporting.figures.style import REFERENCE, Look, looks

# isort: split

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstmbench.analysis.chosen_size import choose_size
from lstmbench.analysis.learning_curves import mean_by_epoch, seconds_by_epoch
from lstmbench.reporting.cells import BETTER
from lstmbench.reporting.figures.quality import PUBLISHED_LINE, share_range
from lstmbench.reporting.names import called, called_dataset

WIDTH, PANEL_HEIGHT = 5.4, 1.9  # inches

TABLES = ("history", "quality", "differences", "speed", "time_to_quality")


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Return the picture; each line is the mean over the seeds, at the mean of their seconds."""
    datasets = sorted(tables["history"]["dataset"].unique())
    looked = looks(tables["history"]["implementation"])
    figure = Figure(figsize=(WIDTH, 0.5 + PANEL_HEIGHT * len(datasets)))
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(datasets), 1, squeeze=False)
    drawn: set[str] = set()
    targets = False
    for axes, dataset in zip(grid[:, 0], datasets, strict=True):
        own = {name: table[table["dataset"] == dataset] for name, table in tables.items()}
        size = choose_size(own["quality"], own["differences"], own["speed"])
        here = {name: table[table["size"] == size] for name, table in own.items()}
        # Several devices would need their own legend; the tables and the other figures have them all.
        device = order.devices(here["history"]["device"])[0]
        several = here["quality"]["device"].nunique() > 1
        here = {name: table[table["device"] == device] for name, table in here.items()}
        axes.set_title(f"{called_dataset(dataset)} {size}" + (f" ({device})" if several else ""))
        _panel(axes, here, looked)
        drawn |= {*here["history"]["implementation"]}
        targets |= not here["time_to_quality"].empty
    grid[-1, 0].set_xlabel("seconds of training (further left is faster)")
    handles = [
        Line2D([], [], color=looked[name].colour, linestyle=looked[name].line, marker=looked[name].marker,
               markersize=4, label=called(name))
        for name in sorted(drawn)
    ]  # fmt: skip
    if targets:
        handles.append(Line2D([], [], color=REFERENCE, linestyle=PUBLISHED_LINE, linewidth=0.9, label="target"))
    figure.legend(handles=handles, loc="outside lower left", ncols=3, handlelength=3)
    return figure


def _panel(axes: Axes, here: dict[str, pd.DataFrame], looked: dict[str, Look]) -> None:
    metric = here["quality"]["metric"].iloc[0]
    scale = 100 if metric == "accuracy" else 1
    for name, rows in here["history"].groupby("implementation", sort=True):
        look = looked[name]
        means = scale * mean_by_epoch(rows, f"valid_{metric}", metric)
        axes.plot(
            seconds_by_epoch(rows), means, color=look.colour, linestyle=look.line, marker=look.marker, markersize=3.5,
            markerfacecolor="white", linewidth=1.5,
        )  # fmt: skip
    for target in here["time_to_quality"]["target"].unique()[:1]:
        axes.axhline(scale * target, color=REFERENCE, linestyle=PUBLISHED_LINE, linewidth=0.9, zorder=1)
    if metric == "perplexity":
        axes.set_yscale("log")
    axes.set_xlim(left=0)
    axes.set_ylabel(f"validation {metric}{', %' if metric == 'accuracy' else ''}\n({BETTER[metric]} is better)")
    share_range([axes], metric)
    if (here["quality"]["caps"] != "").any():
        axes.set_title("cut short", loc="right", fontsize=8.5)

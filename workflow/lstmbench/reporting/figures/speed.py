"""Plot speed: each implementation beside its framework's ceiling, and the parts of a training step.

``ceiling_{dataset}`` and ``anatomy_{dataset}``, as SVG and PNG: a panel per size and a row of panels per device.  Each
panel has its own scale, because the sizes differ widely.
"""

from __future__ import annotations

from lstmbench.reporting import order
from lstmbench.reporting.figures.style import FAINT, INK, REFERENCE, figure_style, looks, save, tint

# isort: split
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lstmbench.analysis.anatomy import little_covered
from lstmbench.records.tables import read_table
from lstmbench.reporting import speed as present_speed

PANEL_WIDTH, ROW_HEIGHT, LEGEND_LINE = 3.1, 0.36, 0.2  # inches
NAMES_WIDTH, LEGEND_ENTRY = 1.2, 1.75

THICKNESS = 0.62  # height of a bar; 1: the bars touch
ROOM = 1.42  # length of an axis relative to the longest bar, so that a label fits beside it

ROOM_FOR_SHARE = 1.75  # if the label also has the share of a step that was traced

INTERVAL_WIDTH, INTERVAL_MARK = 1.2, 6
CEILING_WIDTH = 2.2
NOT_QUOTED = (0, (2, 1.5))

COLOURS = {
    "embedding": "#E69F00",
    "recurrent": "#0072B2",
    "output": "#D55E00",
    "clip": "#009E73",
    "update": "#CC79A7",
    "other": "#56B4E9",
    "between operations": REFERENCE,
}
"""The parts of a step, in the order of its forward pass."""

HATCHES = {"forward": None, "backward": "////", "": None}


def draw_ceiling(dataset: str, speed: pd.DataFrame) -> Figure:
    """Draw a bar per implementation with its interval, and a mark where the matrix products alone would be."""
    looked = looks(speed["implementation"])

    def draw(axes: Axes, case: pd.DataFrame, places: dict[str, int]) -> None:
        reach = 0.0
        for row in case.itertuples():
            place, look = places[row.implementation], looked[row.implementation]
            if pd.isna(row.rate):
                _label(axes, 0, place, "failed")
                continue
            face, line = (tint(look.colour), "solid") if row.quotable else ("white", NOT_QUOTED)
            axes.barh(place, row.rate, THICKNESS, facecolor=face, edgecolor=look.colour, linestyle=line)
            axes.plot(
                [row.rate_low, row.rate_high], [place, place],
                color=INK, linewidth=INTERVAL_WIDTH, marker="|", markersize=INTERVAL_MARK,
            )  # fmt: skip
            end, text = np.fmax(row.rate, row.rate_high), present_speed.rounded(row.rate)
            if row.share > 0:
                ceiling = row.rate / row.share
                axes.vlines(ceiling, place - 0.4, place + 0.4, color=INK, linewidth=CEILING_WIDTH)
                end, text = max(end, ceiling), f"{text}  {present_speed.share(row.share)}"
            _label(axes, end, place, text)
            reach = max(reach, end)
        _scale(axes, ROOM * reach, present_speed.unit(speed))

    handles: list[Artist] = [
        Patch(facecolor=FAINT, edgecolor=REFERENCE, label="measured"),
        Line2D([], [], color=INK, linestyle="none", marker="|", markersize=10, markeredgewidth=CEILING_WIDTH,
               label="ceiling, and share of it"),
    ]  # fmt: skip
    if speed["rate_low"].notna().any():
        handles.append(
            Line2D([], [], label="95 % interval", color=INK, linewidth=INTERVAL_WIDTH, marker="|",
                   markersize=INTERVAL_MARK)
        )  # fmt: skip
    if (speed["rate"].notna() & (speed["quotable"] == 0)).any():
        handles.append(Patch(facecolor="white", edgecolor=REFERENCE, linestyle=NOT_QUOTED, label="not to be quoted"))
    return _panels(f"Training speed and its ceiling: {dataset}", speed, speed, draw, handles)


def draw_anatomy(dataset: str, speed: pd.DataFrame, anatomy: pd.DataFrame) -> Figure:
    """Draw a stacked bar per implementation: milliseconds by part; hatched: backward; dark: matrix products alone."""
    medians = speed.set_index(["size", "device", "implementation"])["step_ms"].to_dict()

    def draw(axes: Axes, case: pd.DataFrame, places: dict[str, int]) -> None:
        reach = 0.0
        for case_name, parts in case.groupby(["size", "device", "implementation"], sort=False):
            place, left = places[case_name[-1]], 0.0
            for row in sorted(parts.itertuples(), key=_when):
                colour, hatch = COLOURS[row.part], HATCHES[row.direction]
                bars: list[tuple[float, str | tuple[float, float, float], str]] = [
                    (row.milliseconds, tint(colour), colour)
                ]
                # The trace and the products were timed apart, so a part can be shorter than its products.
                products = min(row.product_milliseconds, row.milliseconds)
                bars.append((products, colour, "white"))
                for length, face, lines in bars:
                    axes.barh(
                        place, length, THICKNESS, left, facecolor=face, edgecolor="white", linewidth=0.5, hatch=hatch,
                        hatchcolor=lines,
                    )  # fmt: skip
                left += row.milliseconds
            timed = medians[case_name]
            axes.vlines(timed, place - 0.4, place + 0.4, color=INK, linewidth=1.2)
            end, text = max(left, timed), present_speed.whole_step(parts)
            _label(axes, end, place, text)
            reach = max(reach, end)
        for name in places.keys() - set(case["implementation"]):
            _label(axes, 0, places[name], "not traced")
        room = ROOM_FOR_SHARE if little_covered(case).any() else 1.2
        _scale(axes, room * reach, "ms per step, traced")

    there = [name for name in COLOURS if name in set(anatomy["part"])]
    handles: list[Artist] = [
        Patch(facecolor=tint(COLOURS[name]), edgecolor=COLOURS[name], label=name) for name in there
    ]
    handles += [
        Patch(facecolor=REFERENCE, label="dark: matrix products"),
        Patch(facecolor=tint(REFERENCE), hatch="////", hatchcolor=REFERENCE, edgecolor="white", label="backward"),
        Line2D([], [], color=INK, linestyle="none", marker="|", markersize=10, markeredgewidth=1.2,
               label="a step, not traced"),
    ]  # fmt: skip
    return _panels(f"What a training step consists of: {dataset}", speed, anatomy, draw, handles)


def plot_speed(tables: Path, output_dir: Path) -> list[Path]:
    """Draw both figures of every data set in ``tables``, and return the paths written.

    Raises:
        DataError: a table that is missing or unreadable.
    """
    speed, anatomy = (order.by_size(read_table(tables / f"{name}.parquet")) for name in ("speed", "anatomy"))
    written = []
    for dataset, rows in speed.groupby("dataset", sort=True):
        with figure_style():
            figures = {
                "ceiling": draw_ceiling(dataset, rows),
                "anatomy": draw_anatomy(dataset, rows, anatomy[anatomy["dataset"] == dataset]),
            }
            for kind, figure in figures.items():
                written += save(figure, output_dir / f"{kind}_{dataset}")
    return written


def _when(row: Any) -> tuple[int, int]:
    """Return the order of a part of a step in time: forward, backward, and what follows."""
    place = list(COLOURS).index(row.part)
    return {"forward": (0, place), "backward": (1, -place), "": (2, place)}[row.direction]


def _label(axes: Axes, end: float, place: int, text: str) -> None:
    axes.annotate(text, (end, place), xytext=(4, 0), textcoords="offset points", verticalalignment="center")


def _scale(axes: Axes, reach: float, unit: str) -> None:
    """Scale an axis from 0; remove its ticks if nothing is on it."""
    if not reach:
        axes.set_xticks([])
        return
    axes.set_xlim(0, reach)
    axes.set_xlabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))


def _panels(
    title: str,
    speed: pd.DataFrame,
    table: pd.DataFrame,
    draw: Callable[[Axes, pd.DataFrame, dict[str, int]], None],
    handles: list[Artist],
) -> Figure:
    """Return a panel per size and device of ``speed``, where ``draw`` draws the rows of ``table``, and a legend.

    ``draw`` gets the place of each implementation on the vertical axis.
    """
    sizes, devices = speed["size"].unique(), order.devices(speed["device"])
    names = sorted(speed["implementation"].unique())
    places = {name: place for place, name in enumerate(names)}
    width = NAMES_WIDTH + PANEL_WIDTH * len(sizes)
    columns = min(len(handles), int(width / LEGEND_ENTRY))
    legend = LEGEND_LINE * math.ceil(len(handles) / columns)
    height = 0.5 + (0.75 + ROW_HEIGHT * len(names)) * len(devices) + legend
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=12, fontweight="bold")
    grid = figure.subplots(len(devices), len(sizes), squeeze=False)
    figure.set_layout_engine("constrained", w_pad=0.12)
    for row, device in enumerate(devices):
        for column, size in enumerate(sizes):
            axes, case = grid[row, column], table[(table["size"] == size) & (table["device"] == device)]
            axes.set_title(size if len(devices) == 1 else f"{size}, {device}")
            axes.set_yticks(list(places.values()), list(places) if column == 0 else [""] * len(places))
            axes.set_ylim(len(places) - 0.45, -0.55)
            axes.tick_params(axis="y", length=0)
            axes.grid(visible=False)
            if case.empty:
                axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, horizontalalignment="center")
                axes.set_xticks([])
                continue
            draw(axes, case, places)
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, handlelength=1.6, columnspacing=1.4)
    return figure

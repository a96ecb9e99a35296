"""Plot scaling: the speed-up of training with more workers or threads, as SVG, PNG and PDF."""

from __future__ import annotations

from lstmbench.reporting.figures.style import REFERENCE, looks

# isort: split

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstmbench.analysis.scaling import CASE, Scaled
from lstmbench.reporting.scaling import WORDS

PANEL_WIDTH, HEIGHT, LEGEND_ENTRY = 3.1, 3.4, 2.1  # inches


def draw(scaled: Scaled, dataset: str, table: pd.DataFrame) -> Figure:
    """Return the speed-up over the number, a panel per size and device and a line per implementation."""
    panels = list(table.groupby(["size", "device"], sort=False)) or [(("", ""), table)]
    looked = looks(table["implementation"])
    figure = Figure(figsize=(0.6 + PANEL_WIDTH * len(panels), HEIGHT))
    FigureCanvasAgg(figure)
    words = WORDS[scaled.count]
    title = f"{words.title}: {dataset}"
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=12, fontweight="bold")
    grid = figure.subplots(1, len(panels), squeeze=False)
    for axes, ((size, device), cases) in zip(grid[0], panels, strict=True):
        axes.set_title(f"{size}, {device}" if size else "")
        axes.set_xlabel(scaled.count)
        counts = sorted(cases[scaled.count].unique())
        if not counts:
            where = {"transform": axes.transAxes, "horizontalalignment": "center", "in_layout": False, "wrap": True}
            axes.text(0.5, 0.5, words.empty, **where)
            axes.set(xticks=[], yticks=[])
            continue
        axes.plot(counts, [count / counts[0] for count in counts], color=REFERENCE, linewidth=0.8)
        for _, line in cases.groupby([*CASE, *scaled.others], sort=True, dropna=False):
            look = looked[line["implementation"].iloc[0]]
            axes.plot(line[scaled.count], line["speed_up"], color=look.colour, marker=look.marker, linestyle=look.line)
        axes.set_xticks(counts, [f"{count:.0f}" for count in counts])
        axes.set_ylim(bottom=0)
    grid[0, 0].set_ylabel("times as fast as with the fewest")
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line, label=name)
        for name, look in looked.items()
    ]
    handles.append(Line2D([], [], color=REFERENCE, linewidth=0.8, label=f"all {scaled.count} worth the same"))
    columns = max(1, int(figure.get_figwidth() / LEGEND_ENTRY))
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, handlelength=3)
    return figure

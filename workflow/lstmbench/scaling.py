"""Scaling: how many times as fast a training is that several workers share, and how much of each worker that leaves.

The speeds are those of the training runs, over all workers together: the median over the steady blocks of a run, and of
these the median over the seeds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstmbench import present
from lstmbench.cli import run
from lstmbench.machine import split_device
from lstmbench.present_speed import rounded, share
from lstmbench.shown import write_shown
from lstmbench.style import REFERENCE, figure_style, looks, save
from lstmbench.tables import read_table, write_table
from lstmbench.tabulate import MACHINE

TITLE = "Several workers"
NOTES = [
    "Speed of training, all workers together, as the runs themselves found it: median over their steady blocks, and "
    "over the seeds. Speed-up: over the runs of the same implementation with one worker, on the same machine with the "
    "same libraries and as many threads per worker. Efficiency: the speed-up over the number of workers. A run may "
    "have shared the machine with others: these speeds are no benchmark."
]
EMPTY = "No cell was run both with one worker and with several."

CELL = [
    "dataset", "size", "implementation", "device", "threads", "settings_sha256", "caps", *MACHINE, "versions",
]  # fmt: skip
COLUMNS = [*CELL, "workers", "n", "unit", "rate", "speed_up", "efficiency"]

PANEL_WIDTH, HEIGHT, LEGEND_ENTRY = 3.1, 3.4, 2.1  # inches


def scaling(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and number of workers, of the cells that were run with one worker and with several.

    ``device`` is without the workers; ``rate`` in predictions per second; ``efficiency``: what each worker is worth.
    """
    devices = [split_device(device) for device in runs["device"]]
    runs = runs.assign(
        device=[device._replace(workers=1).name for device in devices], workers=[device.workers for device in devices]
    )
    runs = runs[runs["speed_median"].notna()]
    rows = []
    for values, group in runs.groupby(CELL, sort=True, dropna=False):
        rates = group.groupby("workers")["speed_median"]
        medians = rates.median()
        if 1 not in medians.index or len(medians) == 1:
            continue
        for workers, rate in medians.items():
            speed_up = rate / medians[1]
            row = dict(zip(CELL, values, strict=True)) | {"workers": workers, "n": rates.size()[workers]}
            row |= {"unit": group["speed_unit"].iloc[0], "rate": rate, "speed_up": speed_up}
            rows.append(row | {"efficiency": speed_up / workers})
    return pd.DataFrame(rows, columns=COLUMNS)


def by_dataset(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """``scaling`` as people read it, one part per data set."""
    return {dataset: _as_text(part) for dataset, part in present.by_size(table).groupby("dataset", sort=True)}


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    marks = table["caps"].map(lambda caps: ", capped" if caps else "")
    rows = pd.DataFrame({"size": table["size"] + marks, "implementation": table["implementation"]})
    rows["device"] = table["device"]
    for heading, column in (("threads each", "threads"), ("workers", "workers"), ("n", "n")):
        rows[heading] = table[column].map("{:.0f}".format)
    rows[table["unit"].iloc[0]] = table["rate"].map(rounded)
    rows["speed-up"] = table["speed_up"].map(lambda value: present.number(value, 2))
    rows["efficiency"] = table["efficiency"].map(share)
    return rows


def draw(dataset: str, table: pd.DataFrame) -> Figure:
    """The speed-up over the number of workers, a panel per size and device and a line per implementation."""
    panels = list(table.groupby(["size", "device"], sort=False)) or [(("", ""), table)]
    looked = looks(table["implementation"])
    figure = Figure(figsize=(0.6 + PANEL_WIDTH * len(panels), HEIGHT))
    FigureCanvasAgg(figure)
    figure.suptitle(f"Several workers: {dataset}", x=0.01, horizontalalignment="left", fontsize=12, fontweight="bold")
    grid = figure.subplots(1, len(panels), squeeze=False)
    for axes, ((size, device), cells) in zip(grid[0], panels, strict=True):
        axes.set_title(f"{size}, {device}" if size else "")
        axes.set_xlabel("workers")
        counts = sorted(cells["workers"].unique())
        if not counts:
            axes.text(0.5, 0.5, EMPTY, transform=axes.transAxes, horizontalalignment="center")
            continue
        axes.plot(counts, counts, color=REFERENCE, linewidth=0.8)
        for _, line in cells.groupby(CELL, sort=True, dropna=False):
            look = looked[line["implementation"].iloc[0]]
            axes.plot(line["workers"], line["speed_up"], color=look.colour, marker=look.marker, linestyle=look.line)
        axes.set_xticks(counts, [f"{count:.0f}" for count in counts])
        axes.set_ylim(bottom=0)
    grid[0, 0].set_ylabel("times as fast as one worker")
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line, label=name)
        for name, look in looked.items()
    ]
    handles.append(Line2D([], [], color=REFERENCE, linewidth=0.8, label="each worker worth one"))
    columns = max(1, int(figure.get_figwidth() / LEGEND_ENTRY))
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, handlelength=3)
    return figure


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.scaling", description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="folder of runs.csv, and of the result")
    parser.add_argument("--figures", type=Path, help="folder of the figures; none are drawn without it")
    options = parser.parse_args(arguments)
    runs = read_table(options.tables / "runs.parquet")
    table = scaling(runs)
    write_table(options.tables / "scaling.csv", table)
    write_shown(options.tables / "scaling", TITLE, by_dataset(table), [EMPTY] if table.empty else NOTES)
    for dataset in sorted(runs["dataset"].unique()) if options.figures else ():
        with figure_style():
            part = present.by_size(table[table["dataset"] == dataset])
            save(draw(dataset, part), options.figures / f"scaling_{dataset}")


if __name__ == "__main__":
    sys.exit(run(main))

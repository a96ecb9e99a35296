"""The measurements kept in the repository, and what docs/benchmark.md and the README say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pytest

from lstmbench.analysis.speed import product_seconds
from lstmbench.records.measurement import Measurement
from lstmbench.utils.paths import ROOT
from tests.repository.baselines import CPUS, MACHINES, QUOTED

ON_CPU = [machine for machine in QUOTED if machine in CPUS]
ON_GPU = [machine for machine in QUOTED if machine not in CPUS]

SIZES = ("small", "medium", "large")

TENSORFLOW, PYTORCH = "tensorflow_fused", "pytorch_fused"
"""The best of each framework."""


def processes(measurement: Measurement) -> pd.DataFrame:
    """A row per process: what it ran, the speed of its steps and of their matrix products alone (predictions per
    second), and in % its share of the ceiling and our loop's share of training."""
    rows = []
    for sample in measurement.record["samples"]:
        step = sample["phases"]["steady_seconds"] / sample["steady_steps"]
        loop = sample.get("details", {}).get("loop", {"learner_seconds": 1, "seconds": 1})
        row = {name: sample[name] for name in ("implementation", "round")} | measurement.record["group"]
        products = product_seconds(sample)
        row |= {"speed": sample["predictions_per_step"] / step, "share": 100 * products / step}
        row["ceiling"] = sample["predictions_per_step"] / products if products else float("nan")
        rows.append(row | {"loop": 100 * (1 - loop["learner_seconds"] / loop["seconds"])})
    return pd.DataFrame(rows)


PROCESS = ["dataset", "size", "implementation", "round"]
PROCESSES = {
    machine: pd.concat(map(processes, MACHINES[machine].measurements)).set_index(PROCESS) for machine in QUOTED
}


@dataclass(frozen=True)
class Row:
    """A row of a table of bars: a value per process or round, and what its median must be at least (or at most)."""

    name: str
    values: Callable[[pd.DataFrame], pd.Series]  # from the processes of a cell
    text: Callable[[float], str]
    at_most: bool = False

    def cell(self, machine: str, dataset: str, size: str, bar: float | None) -> str:
        """Median, least and greatest, and whether the bar is held, if there is one."""
        found = self.values(PROCESSES[machine].loc[(dataset, size)])
        shown = self.text(found.median())
        if len(found) > 1:
            shown += f" ({self.text(found.min())} to {self.text(found.max())})"
        if bar is None:
            return shown
        held = found.median() <= bar if self.at_most else found.median() >= bar
        return f"{shown}; {'at most' if self.at_most else 'at least'} {bar:g}{'' if held else ': **missed**'}"


def over(numerator: str, denominator: str) -> Row:
    """The speeds of two implementations, round by round."""
    return Row(
        f"`{numerator}` over `{denominator}`",
        lambda cell: cell.loc[numerator, "speed"] / cell.loc[denominator, "speed"],
        "{:.2f}".format,
    )


def most(numerator: str, denominator: str) -> Row:
    """About the most that ``over`` could be: if the first did nothing but its matrix products, as fast as alone."""
    return Row(
        f"products of `{numerator}` alone over `{denominator}`",
        lambda cell: cell.loc[numerator, "ceiling"] / cell.loc[denominator, "speed"],
        "{:.2f}".format,
    )


def share(implementation: str) -> Row:
    """The share of the ceiling."""
    name = f"share of the ceiling in %, `{implementation}`"
    return Row(name, lambda cell: cell.loc[implementation, "share"], "{:.0f}".format)


def loop(implementation: str) -> Row:
    """The training loop's share, which the first process tells."""
    return Row(
        f"our loop's share in %, `{implementation}`",
        lambda cell: cell.loc[implementation, "loop"].loc[:1],
        "{:.2f}".format,
        at_most=True,
    )


NONE = (None, None, None)

BARS: dict[str, list[tuple[Row, tuple[float | None, ...]]]] = {
    "ptb": [
        (over(TENSORFLOW, "tensorflow"), (1.3, 1.5, 2.4)),
        (over(PYTORCH, "pytorch_plain"), (1.3, 1.05, 1.0)),
        (over(TENSORFLOW, PYTORCH), (0.85, 0.9, 0.9)),
        (most(TENSORFLOW, PYTORCH), NONE),
        (share(PYTORCH), (65, 80, 80)),
        (share(TENSORFLOW), (65, 80, 80)),
        (loop(PYTORCH), (3, 1, 1)),
        (loop(TENSORFLOW), (3, 1, 1)),
    ],
    "mnist": [
        (over(TENSORFLOW, "tensorflow"), (0.8, 1.2, 1.4)),
        (over(PYTORCH, "pytorch_plain"), (0.95, 1.25, 1.15)),
        (over(TENSORFLOW, PYTORCH), (0.55, 0.65, 0.7)),
        (share(PYTORCH), (50, 70, 80)),
        (loop(PYTORCH), (3, 3, 3)),
        (loop(TENSORFLOW), (3, 3, 3)),
    ],
}


def line(machine: str, dataset: str, row: Row, bars: tuple[float | None, ...]) -> str:
    """A row of the table of bars as it must stand in docs/benchmark.md."""
    cells = [row.cell(machine, dataset, size, bar) for size, bar in zip(SIZES, bars, strict=True)]
    return f"| {row.name} | {' | '.join(cells)} |"


@pytest.mark.parametrize("machine", ON_CPU)
def test_every_cell_that_is_quoted_was_measured_in_five_rounds_with_two_threads(machine):
    # That the bundle holds what its entry says, test_baseline_records.py tests.
    measurements = MACHINES[machine].measurements
    groups = {(m.record["group"]["dataset"], m.record["group"]["size"]) for m in measurements}
    assert groups == {(dataset, size) for dataset in BARS for size in SIZES}
    for measurement in measurements:
        assert measurement.record["group"]["device"] == "cpu"
        assert not measurement.record["failures"]
        assert measurement.record["threads"] == 2
    assert PROCESSES[machine].index.is_unique
    assert len(PROCESSES[machine]) == len(groups) * 5 * 5


@pytest.mark.parametrize("machine", ON_CPU)
@pytest.mark.parametrize("dataset", BARS)
def test_the_table_of_bars_follows_from_the_records(dataset, machine):
    # A machine's tables stand between its heading and the next.
    page = (ROOT / "docs/benchmark.md").read_text(encoding="utf-8")
    own = page.partition(f"## Figures: {machine}\n")[2].partition("\n## ")[0].splitlines()
    expected = [line(machine, dataset, row, bars) for row, bars in BARS[dataset]]
    missing = [one for one in expected if one not in own]
    assert not missing, "\n".join(["docs/benchmark.md should say", *missing])


def test_the_readme_shows_the_median_ratios_of_every_machine_it_quotes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for implementation in ("pytorch", PYTORCH, "tensorflow", TENSORFLOW):
        row = over(implementation, "pytorch_plain")
        cells = [PROCESSES[machine].loc[("ptb", size)] for machine in ON_CPU for size in SIZES]
        medians = [row.text(row.values(cell).median()) for cell in cells]
        shown = f"| `{implementation}` | {' | '.join(medians)} |"
        assert shown in readme, shown


def absolute(machine: str, cell: tuple[str, str, str, str]) -> str:
    """A row of the table of a GPU: medians over its processes, in figures of its own."""
    own = [measurement for measurement in MACHINES[machine].measurements if cell[0:2] == names(measurement)[0:2]]
    (measurement,) = [one for one in own if names(one)[2] == cell[3]]
    found = processes(measurement).groupby("implementation")[["speed", "share"]].median().loc[cell[2]]
    per_step = measurement.record["samples"][0]["predictions_per_step"]
    milliseconds = f"{1000 * per_step / found['speed']:.2f}"
    return f"| {' | '.join(cell)} | {milliseconds} | {found['speed']:,.0f} | {found['share']:.0f} |"


def names(measurement: Measurement) -> tuple[str, str, str]:
    """Data set, size and device."""
    group = measurement.record["group"]
    return group["dataset"], group["size"], group["device"]


@pytest.mark.parametrize("machine", ON_GPU)
def test_the_table_of_a_gpu_follows_from_the_records(machine):
    page = (ROOT / "docs/benchmark.md").read_text(encoding="utf-8")
    own = page.partition(f"## Figures: {machine}\n")[2].partition("\n## ")[0].splitlines()
    rows = [
        absolute(machine, (dataset, size, implementation, device))
        for measurement in MACHINES[machine].measurements
        for dataset, size, device in [names(measurement)]
        for implementation in sorted({sample["implementation"] for sample in measurement.record["samples"]})
    ]
    assert rows
    missing = [row for row in rows if row not in own]
    assert not missing, "\n".join(["docs/benchmark.md should say", *missing])

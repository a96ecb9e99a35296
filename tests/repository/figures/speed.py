"""The figures of speed: multiples, bars, and the absolute figures of a GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from msgspec.structs import asdict

from lstmbench.analysis.speed import product_seconds
from lstmbench.records.measurement import Measurement
from tests.repository.baselines import CPUS, MACHINES, MEASURED, QUOTED, THIRD
from tests.repository.figures.markdown import table

SHOWN = [machine for machine in QUOTED if machine in MEASURED]
ON_CPU = [machine for machine in SHOWN if machine in CPUS]
ON_GPU = [machine for machine in SHOWN if machine not in CPUS]

NEWEST = THIRD
"""The machine that ran the newest code: README shows its speeds."""

SIZES = ("small", "medium", "large")

TENSORFLOW, PYTORCH = "tensorflow_fused", "pytorch_fused"
"""The best of each of the first two frameworks."""


def processes(measurement: Measurement) -> pd.DataFrame:
    """A row per implementation and round, of its last attempt: what it ran, the speed of its steps and of their matrix
    products alone (predictions per second), and in % its share of the ceiling and our loop's share of training."""
    rows = []
    loops = {  # a process that was repeated is not asked again
        (sample.implementation, sample.round): sample.details.loop
        for sample in measurement.record.samples
        if sample.details
    }
    for sample in measurement.last_attempts:
        step = sample.phases.steady_seconds / sample.steady_steps
        loop = loops.get((sample.implementation, sample.round))
        row = {"implementation": sample.implementation, "round": sample.round, **asdict(measurement.record.group)}
        products = product_seconds(sample)
        row |= {"speed": sample.predictions_per_step / step, "share": 100 * products / step}
        row["ceiling"] = sample.predictions_per_step / products if products else float("nan")
        rows.append(row | {"loop": 100 * (1 - loop.learner_seconds / loop.seconds) if loop else 0.0})
    return pd.DataFrame(rows)


PROCESS = ["dataset", "size", "device", "implementation", "round"]
PROCESSES = {machine: pd.concat(map(processes, MACHINES[machine].measurements)).set_index(PROCESS) for machine in SHOWN}


@dataclass(frozen=True)
class Row:
    """A row of a table of bars: a value per process or round, and what its median must be at least (or at most)."""

    name: str
    values: Callable[[pd.DataFrame], pd.Series]  # from the processes of a case
    text: Callable[[float], str]
    at_most: bool = False

    def case(self, machine: str, dataset: str, size: str, bar: float | None) -> str:
        """Median, least and greatest, and whether the bar is held, if there is one."""
        found = self.values(PROCESSES[machine].loc[(dataset, size, "cpu")])
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
        lambda case: case.loc[numerator, "speed"] / case.loc[denominator, "speed"],
        "{:.2f}".format,
    )


def most(numerator: str, denominator: str) -> Row:
    """About the most that ``over`` could be: if the first did nothing but its matrix products, as fast as alone."""
    return Row(
        f"products of `{numerator}` alone over `{denominator}`",
        lambda case: case.loc[numerator, "ceiling"] / case.loc[denominator, "speed"],
        "{:.2f}".format,
    )


def share(implementation: str) -> Row:
    """The share of the ceiling."""
    name = f"share of the ceiling in %, `{implementation}`"
    return Row(name, lambda case: case.loc[implementation, "share"], "{:.0f}".format)


def loop(implementation: str) -> Row:
    """The training loop's share, which the first process tells."""
    return Row(
        f"our loop's share in %, `{implementation}`",
        lambda case: case.loc[implementation, "loop"].loc[:1],
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

RAISED = {
    over(PYTORCH, "pytorch_plain").name: (1.5, 1.15, 1.3),
    share(PYTORCH).name: (75, 88, 92),
    share(TENSORFLOW).name: (70, 86, 92),
}
"""PTB's bars for the newest code, where they are higher."""

OF_JAX: dict[str, list[tuple[Row, tuple[float | None, ...]]]] = {
    dataset: [
        (over("jax_fused", "jax"), NONE),
        (over("jax_fused", "pytorch_plain"), NONE),
        (share("jax_fused"), NONE),
        (loop("jax_fused"), least),
    ]
    for dataset, least in (("ptb", (3, 1, 1)), ("mnist", (3, 3, 3)))
}
"""For the machines where JAX was measured."""


def measured(machine: str) -> set[str]:
    """The implementations that a machine measured."""
    return set(PROCESSES[machine].index.unique("implementation"))


def line(machine: str, dataset: str, row: Row, bars: tuple[float | None, ...]) -> str:
    """A row of the table of bars."""
    cases = [row.case(machine, dataset, size, bar) for size, bar in zip(SIZES, bars, strict=True)]
    return f"| {row.name} | {' | '.join(cases)} |"


def absolute(machine: str, case: tuple[str, str, str, str]) -> str:
    """A row of the table of a GPU: medians over its processes, in figures of its own."""
    own = [measurement for measurement in MACHINES[machine].measurements if case[0:2] == names(measurement)[0:2]]
    (measurement,) = [one for one in own if names(one)[2] == case[3]]
    found = processes(measurement).groupby("implementation")[["speed", "share"]].median().loc[case[2]]
    per_step = measurement.record.samples[0].predictions_per_step
    milliseconds = f"{1000 * per_step / found['speed']:.2f}"
    return f"| {' | '.join(case)} | {milliseconds} | {found['speed']:,.0f} | {found['share']:.0f} |"


def names(measurement: Measurement) -> tuple[str, str, str]:
    """Data set, size and device."""
    group = measurement.record.group
    return group.dataset, group.size, group.device


def multiples() -> str:
    """Speeds on the newest machine as multiples of the plain loop's."""
    rows = []
    for implementation in sorted(measured(NEWEST) - {"pytorch_plain"}):
        row = over(implementation, "pytorch_plain")
        cases = [row.text(row.values(PROCESSES[NEWEST].loc[("ptb", size, "cpu")]).median()) for size in SIZES]
        rows.append(f"| `{implementation}` | {' | '.join(cases)} |")
    return table(f"| PTB | {' | '.join(SIZES)} |", rows)


def gpu_run(machine: str) -> str:
    """How a run on a GPU ended, and how fast its implementation trains each size."""
    (record,) = MACHINES[machine].runs
    run = record.run
    speeds = []
    for measurement in sorted(MACHINES[machine].measurements, key=place):
        own = processes(measurement).set_index("implementation").loc[[run.implementation]]
        dataset, size, _ = names(measurement)
        speeds.append(f"{dataset.upper()} {size} at {own['speed'].median():,.0f} words/s")
    return (
        f"On `{machine}`, `{run.implementation}` ends {run.dataset.upper()} {run.size} "
        f"(seed {run.seed}, {len(record.history)} epochs) at a test perplexity of "
        f"{record.final.perplexity:.2f} after {record.speed.train_seconds:.0f} s of training.\n"
        f"It trains {' and '.join(speeds)}.\n"
    )


def place(measurement: Measurement) -> tuple[str, int]:
    """Return the key that sorts measurements in a table: data set, then size from small to large."""
    dataset, size, _ = names(measurement)
    return dataset, SIZES.index(size)


def gpu_speeds(machine: str) -> str:
    """The speeds of a GPU."""
    rows = [
        absolute(machine, (dataset, size, implementation, device))
        for measurement in sorted(MACHINES[machine].measurements, key=place)
        for dataset, size, device in [names(measurement)]
        for implementation in sorted({sample.implementation for sample in measurement.record.samples})
    ]
    header = "| data set | size | implementation | device | ms per step | words/s | share of the ceiling in % |"
    return table(header, rows)


def bars(machine: str, dataset: str) -> str:
    """What every case was to reach and has reached."""
    rows = [*BARS[dataset], *(OF_JAX[dataset] if "jax_fused" in measured(machine) else ())]
    if (machine, dataset) == (NEWEST, "ptb"):
        rows = [(row, RAISED.get(row.name, least)) for row, least in rows]
    return table(f"| {' | '.join(['', *SIZES])} |", [line(machine, dataset, row, least) for row, least in rows])

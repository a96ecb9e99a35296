"""The figures that README and docs quote: each stands between markers and is generated from the kept records.

    <!-- figures: NAME -->
    ...
    <!-- end -->

``python -m tests.repository.quoted_figures`` (``make figures``) writes them.  A test fails while they differ.  What
stands outside the markers is free.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from msgspec.structs import asdict

from lstmbench.analysis.speed import product_seconds
from lstmbench.records.measurement import Measurement
from lstmbench.records.run_record import RunRecord
from lstmbench.records.tables import read_published
from lstmbench.reporting.margins import SPEED, in_words
from lstmbench.statistics import equivalence
from lstmbench.statistics.intervals import arithmetic_mean, geometric_mean
from lstmbench.statistics.verdict import Kind
from lstmbench.utils.paths import ROOT, WORKFLOW
from tests.repository.baselines import CPUS, MACHINES, QUOTED

BLOCK = re.compile(r"(<!-- figures: (?P<name>[^>]+) -->\n)(?P<text>.*?)(<!-- end -->\n)", flags=re.DOTALL)

ON_CPU = [machine for machine in QUOTED if machine in CPUS]
ON_GPU = [machine for machine in QUOTED if machine not in CPUS]
FRAMEWORKS = ("pytorch", "tensorflow")
FIRST, SECOND = "amd-epyc-2-cores", "amd-epyc-avx512-2-cores"
SEEDS = (1, 2, 3, 4, 5)

SIZES = ("small", "medium", "large")


class Case(NamedTuple):
    """What was trained from five seeds, and the metric of its quality."""

    dataset: str
    size: str
    metric: str


PTB_SMALL, MNIST_SMALL, MNIST_MEDIUM = OVER_SEEDS = (
    Case("ptb", "small", "perplexity"),
    Case("mnist", "small", "accuracy"),
    Case("mnist", "medium", "accuracy"),
)

TENSORFLOW, PYTORCH = "tensorflow_fused", "pytorch_fused"
"""The best of each framework."""


def processes(measurement: Measurement) -> pd.DataFrame:
    """A row per process: what it ran, the speed of its steps and of their matrix products alone (predictions per
    second), and in % its share of the ceiling and our loop's share of training."""
    rows = []
    for sample in measurement.record.samples:
        step = sample.phases.steady_seconds / sample.steady_steps
        loop = sample.details.loop if sample.details else None
        row = {"implementation": sample.implementation, "round": sample.round, **asdict(measurement.record.group)}
        products = product_seconds(sample)
        row |= {"speed": sample.predictions_per_step / step, "share": 100 * products / step}
        row["ceiling"] = sample.predictions_per_step / products if products else float("nan")
        rows.append(row | {"loop": 100 * (1 - loop.learner_seconds / loop.seconds) if loop else 0.0})
    return pd.DataFrame(rows)


PROCESS = ["dataset", "size", "implementation", "round"]
PROCESSES = {
    machine: pd.concat(map(processes, MACHINES[machine].measurements)).set_index(PROCESS) for machine in QUOTED
}


@dataclass(frozen=True)
class Row:
    """A row of a table of bars: a value per process or round, and what its median must be at least (or at most)."""

    name: str
    values: Callable[[pd.DataFrame], pd.Series]  # from the processes of a case
    text: Callable[[float], str]
    at_most: bool = False

    def case(self, machine: str, dataset: str, size: str, bar: float | None) -> str:
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


def table(header: str, rows: Iterable[str]) -> str:
    """A Markdown table with this header."""
    return "\n".join([header, "|---" * (header.count("|") - 1) + "|", *rows]) + "\n"


def run_of(machine: str, case: Case, framework: str, seed: int = 1) -> RunRecord:
    """The record of a run."""
    expected = (case.dataset, case.size, framework, seed)
    (record,) = [
        one
        for one in MACHINES[machine].runs
        if (one.run.dataset, one.run.size, one.run.implementation, one.run.seed) == expected
    ]
    return record


def shown(metric: str, value: float, digits: int = 2) -> str:
    """A perplexity, or an accuracy in per cent."""
    return f"{value:.{digits}f}" if metric == "perplexity" else f"{100 * value:.{digits}f} %"


def runs() -> str:
    """Test, validation and training of every run of PTB and of the first of MNIST, and what was published."""
    rows = []
    for machine in QUOTED:
        for record in sorted(MACHINES[machine].runs, key=lambda one: (one.run.dataset != "ptb", str(one.run))):
            run, final, last = record.run, record.final, record.history[-1]
            if run.dataset != "ptb" and (run.seed != 1 or run.size != "small"):
                continue  # the table of seeds has them
            metric = final.metric
            trained = shown(metric, last.train_perplexity) if metric == "perplexity" else "\u2013"
            cases = [machine, f"{run.dataset} {run.size}", str(run.seed), f"`{run.implementation}`", metric]
            cases += [
                shown(metric, final.value),
                shown(metric, getattr(last, f"valid_{metric}")),
                trained,
                record.commit[:7],
            ]
            rows.append(f"| {' | '.join(cases)} |")
    return table(
        "| machine | case | seed | framework | metric | test | validation | training | commit |", [*rows, *published()]
    )


def published() -> list[str]:
    """Rows of the values that were published for size small."""
    values = read_published(WORKFLOW / "published.tsv")
    rows = []
    for (dataset, source), own in values[values["size"] == "small"].groupby(["dataset", "source"], sort=False):
        found = {name.partition("_")[::2]: value for name, value in zip(own["metric"], own["value"], strict=True)}
        metric = next(iter(found))[1]
        if ("test", metric) in found:
            parts = [f"{found[part, metric]:g}" if (part, metric) in found else "\u2013" for part in PARTS]
            if metric == "accuracy":
                parts = [f"{100 * found[part, metric]:g} %" if (part, metric) in found else "\u2013" for part in PARTS]
            rows.append(f"| published | {dataset} small | | {source} | {metric} | {' | '.join(parts)} | |")
    return rows


PARTS = ("test", "valid", "train")


def over_seeds(case: Case) -> tuple[list[list[float]], equivalence.Comparison, Kind]:
    """The test values of both frameworks over five seeds, how the second differs from the first, and the verdict."""
    found = [[run_of(SECOND, case, name, seed).final.value for seed in SEEDS] for name in FRAMEWORKS]
    comparison = equivalence.compare(*found, case.metric)
    (verdict,) = equivalence.verdicts([comparison])
    return found, comparison, verdict


def quality() -> str:
    """The perplexities of PTB small over five seeds, the verdict on their difference, and what was published."""
    found, comparison, verdict = over_seeds(PTB_SMALL)
    values = (equivalence.in_unit(value, "perplexity") for value in (comparison.mean, comparison.low, comparison.high))
    mean, low, high = (f"{value:+.2f} %".replace("-", "\N{MINUS SIGN}") for value in values)
    rows = [f"| `{name}` | {of_seeds(values, 'perplexity')} |" for name, values in zip(FRAMEWORKS, found, strict=True)]
    known = read_published(WORKFLOW / "published.tsv")
    known = known[(known["dataset"] == "ptb") & (known["size"] == "small") & (known["metric"] == "test_perplexity")]
    rows += [f"| published: {row.source} | {row.value:g} | |" for row in known.itertuples()]
    return (
        table(f"| PTB small, seeds {SEEDS[0]} to {SEEDS[-1]} | test perplexity | 95 % interval |", rows)
        + f"\nVerdict: {verdict}. TensorFlow's perplexity differs from PyTorch's by {mean} (95 % interval {low} to "
        f"{high}); equal means within {in_words('perplexity')}.\n"
    )


def of_seeds(values: list[float], metric: str) -> str:
    """The mean over the seeds and its 95 % interval, as two cells."""
    mean = geometric_mean if metric == "perplexity" else arithmetic_mean
    estimate, low, high = (shown(metric, value) for value in dataclasses.astuple(mean(values)))
    return f"{estimate} | {low.removesuffix(' %')} to {high}"


def exercise() -> str:
    """The accuracies after the updates of the exercise."""
    rows = []
    for name in FRAMEWORKS:
        whole, part = run_of(FIRST, MNIST_SMALL, name).milestones
        rows.append(
            f"| `{name}` | {whole.updates} | {100 * whole.accuracy:.2f} % of {whole.predictions:,} "
            f"| {100 * part.accuracy:.1f} % of {part.predictions} |"
        )
    return table("| MNIST small, seed 1 | updates | all test images | the first ones |", rows)


def seeds() -> str:
    """The test values over five seeds, and the verdicts."""
    rows = []
    for case in OVER_SEEDS:
        found, _, verdict = over_seeds(case)
        for name, values in zip(FRAMEWORKS, found, strict=True):
            cells = f"{case.dataset} {case.size} | `{name}` | {case.metric} | {of_seeds(values, case.metric)}"
            rows.append(f"| {cells} | {verdict} |")
    first, *_, last = SEEDS
    return table(f"| case, seeds {first} to {last} | framework | metric | test | 95 % interval | verdict |", rows)


def multiples() -> str:
    """Speeds on CPUs as multiples of the plain loop's."""
    rows = []
    for implementation in ("pytorch", PYTORCH, "tensorflow", TENSORFLOW):
        row = over(implementation, "pytorch_plain")
        cases = [PROCESSES[machine].loc[("ptb", size)] for machine in ON_CPU for size in SIZES]
        rows.append(f"| `{implementation}` | {' | '.join(row.text(row.values(case).median()) for case in cases)} |")
    columns = [f"{machine}: {size}" if size == SIZES[0] else size for machine in ON_CPU for size in SIZES]
    return table(f"| PTB | {' | '.join(columns)} |", rows)


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
    return table(
        f"| {' | '.join(['', *SIZES])} |", [line(machine, dataset, row, least) for row, least in BARS[dataset]]
    )


def margins() -> str:
    """Within what two results are equal."""
    rows = [f"| {metric} | {in_words(metric)} |" for metric in ("perplexity", "accuracy")]
    return table("| of | equal within |", [*rows, f"| a ratio of speeds | {SPEED} of 1 |"])


FIGURES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "quality": quality,
        "multiples": multiples,
        **{f"run {machine}": lambda machine=machine: gpu_run(machine) for machine in ON_GPU},
    },
    "docs/results.md": {"runs": runs, "exercise": exercise, "seeds": seeds},
    "docs/benchmark.md": {
        **{
            f"bars {machine} {dataset}": lambda machine=machine, dataset=dataset: bars(machine, dataset)
            for machine in ON_CPU
            for dataset in BARS
        },
        **{f"speeds {machine}": lambda machine=machine: gpu_speeds(machine) for machine in ON_GPU},
        **{f"run {machine}": lambda machine=machine: gpu_run(machine) for machine in ON_GPU},
    },
    "docs/comparing.md": {"margins": margins},
}
"""What is generated in each document, by the name in its marker."""


def generated(document: str, text: str) -> str:
    """The text of a document with its figures as they follow from the records; a name without a figure stays."""
    figures = FIGURES[document]

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}{figures[found['name']]()}{found[4]}" if found["name"] in figures else found[0]

    return BLOCK.sub(fill, text)


def main() -> None:
    """Write the figures into every document."""
    for document in FIGURES:
        path = ROOT / document
        before = path.read_text(encoding="utf-8")
        after = generated(document, before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{document}: figures written")


if __name__ == "__main__":
    main()

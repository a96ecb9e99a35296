"""The figures of quality: complete runs, and the verdict over the seeds."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from lstmbench.records.published import read_published
from lstmbench.records.run_record import RunRecord
from lstmbench.reporting.cells import signed
from lstmbench.reporting.margins import SPEED, in_words
from lstmbench.statistics import equivalence
from lstmbench.statistics.intervals import arithmetic_mean, geometric_mean
from lstmbench.statistics.verdict import Kind
from lstmbench.utils.paths import WORKFLOW
from tests.repository.baselines import FIRST, MACHINES, QUOTED, SECOND, THIRD
from tests.repository.figures.markdown import table

FRAMEWORKS = ("pytorch", "tensorflow")
SEEDS = (1, 2, 3, 4, 5)


class Case(NamedTuple):
    """What was trained from five seeds, the metric of its quality, and the machine."""

    dataset: str
    size: str
    metric: str
    machine: str


PTB_SMALL, MNIST_SMALL, MNIST_MEDIUM = OVER_SEEDS = (
    Case("ptb", "small", "perplexity", THIRD),
    Case("mnist", "small", "accuracy", SECOND),
    Case("mnist", "medium", "accuracy", THIRD),
)


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
    sizes = set()
    for machine in QUOTED:
        for record in sorted(MACHINES[machine].runs, key=lambda one: (one.run.dataset != "ptb", str(one.run))):
            run, final, last = record.run, record.final, record.history[-1]
            if run.dataset != "ptb" and (run.seed != 1 or run.size != "small"):
                continue  # the table of seeds has them
            sizes.add((run.dataset, run.size))
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
        "| machine | case | seed | framework | metric | test | validation | training | commit |",
        [*rows, *published(sizes)],
    )


def published(sizes: set[tuple[str, str]]) -> list[str]:
    """Rows of the values that were published for some sizes, each with its data set."""
    values = read_published(WORKFLOW / "published.tsv")
    rows = []
    for (dataset, size, source), own in values.groupby(["dataset", "size", "source"], sort=False):
        if (dataset, size) not in sizes:
            continue
        found = {name.partition("_")[::2]: value for name, value in zip(own["metric"], own["value"], strict=True)}
        metric = next(iter(found))[1]
        if ("test", metric) in found:
            parts = [f"{found[part, metric]:g}" if (part, metric) in found else "\u2013" for part in PARTS]
            if metric == "accuracy":
                parts = [f"{100 * found[part, metric]:g} %" if (part, metric) in found else "\u2013" for part in PARTS]
            rows.append(f"| published | {dataset} {size} | | {source} | {metric} | {' | '.join(parts)} | |")
    return rows


PARTS = ("test", "valid", "train")


def over_seeds(case: Case) -> tuple[list[list[float]], equivalence.Comparison, Kind]:
    """The test values of both frameworks over five seeds, how the second differs from the first, and the verdict."""
    found = [[run_of(case.machine, case, name, seed).final.value for seed in SEEDS] for name in FRAMEWORKS]
    comparison = equivalence.compare(*found, case.metric)
    (verdict,) = equivalence.verdicts([comparison])
    return found, comparison, verdict


def over_five_seeds() -> str:
    """The perplexities of PTB small over five seeds, the verdict on their difference, and what was published."""
    found, comparison, verdict = over_seeds(PTB_SMALL)
    values = (equivalence.in_unit(value, "perplexity") for value in (comparison.mean, comparison.low, comparison.high))
    mean, low, high = (f"{value:+.2f} %".replace("-", "\N{MINUS SIGN}") for value in values)
    rows = [f"| `{name}` | {of_seeds(values, 'perplexity')} |" for name, values in zip(FRAMEWORKS, found, strict=True)]
    rows.append(f"| `jax`, seed 1 | {shown('perplexity', run_of(THIRD, PTB_SMALL, 'jax').final.value)} | |")
    rows += [f"| published: {source} | {value:g} | |" for source, value in known_perplexities("small").items()]
    return (
        table(f"| PTB small, seeds {SEEDS[0]} to {SEEDS[-1]} | test perplexity | 95 % interval |", rows)
        + f"\nVerdict: {verdict}. TensorFlow's perplexity differs from PyTorch's by {mean} (95 % interval {low} to "
        f"{high}); equal means within {in_words('perplexity')}.\n"
    )


def known_perplexities(size: str) -> dict[str, float]:
    """The test perplexity of PTB that each source published."""
    values = read_published(WORKFLOW / "published.tsv").set_index(["dataset", "size", "metric"]).sort_index()
    found = values.loc[[("ptb", size, "test_perplexity")]]
    return dict(zip(found["source"], found["value"], strict=True))


def medium() -> str:
    """How PTB medium ended in each implementation that trained it to the end, and how far from what was published."""
    records = [one for machine in QUOTED for one in MACHINES[machine].runs if one.run.parts[:2] == ("ptb", "medium")]
    known = known_perplexities("medium")
    ended = []
    for record in sorted(records, key=lambda one: str(one.run)):
        away = ", ".join(signed(100 * (record.final.value / value - 1), "%") for value in known.values())
        ended.append(f"`{record.run.implementation}` {shown('perplexity', record.final.value)} ({away})")
    (epochs,), (seed,) = {len(one.history) for one in records}, {one.run.seed for one in records}
    sources = " and ".join(f"{value:g} ({source})" for source, value in known.items())
    return (
        f"PTB medium from seed {seed}, all {epochs} epochs, and its distance from the published {sources}: "
        f"{', '.join(ended)}.\n"
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


def margins() -> str:
    """Within what two results are equal."""
    rows = [f"| {metric} | {in_words(metric)} |" for metric in ("perplexity", "accuracy")]
    return table("| of | equal within |", [*rows, f"| a ratio of speeds | {SPEED} of 1 |"])

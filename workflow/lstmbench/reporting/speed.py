"""Turn the tables of speed into tables of text, for Markdown and the report."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from lstmbench.analysis.anatomy import little_covered
from lstmbench.analysis.speed import STEADY
from lstmbench.implementations import framework
from lstmbench.records.columns import MACHINE
from lstmbench.records.format import NOT_SEEN
from lstmbench.reporting.cells import ABSENT, decimals, number
from lstmbench.reporting.interference import reasons
from lstmbench.reporting.order import by_size
from lstmbench.statistics.verdict import Kind
from lstmbench.system.device import split_device
from lstmbench.timing.probes import PARTS
from lstmbench.utils.escaping import sentence_and_details

GOOD = "good"
"""The verdict on a speed that may be quoted, as people read it."""

GROUP = ["size", "device", "threads"]
"""Columns of one measurement within a data set."""

TITLES = {
    "speed": "Training speed",
    "ratios": "How many times as fast",
    "phases": "Phases, evaluation and memory",
    "anatomy": "What a training step consists of",
    "products": "Matrix products alone",
}

NOTES = {
    "speed": [
        "Measured apart from training, while the workflow runs nothing else. The processes take turns: each trains for "
        "one block, a short timed stretch of training steps. The speed is the geometric mean over the n processes, its "
        "interval a t-interval over them; one process gives none. "
        "ms/step: that of the median block. First step: with all tracing and compiling.",
        "Share of the ceiling: of the time of a step, the part that its matrix products alone would take, at the pace "
        "which the same framework reached with the same shapes, threads and precision in the same process between the "
        "blocks, in the fastest of its ways. 100 % would be a step that does nothing but multiply matrices. "
        "Above 100 % the step computes its products faster than they were timed alone: the ceiling is then too low.",
        "Only a speed whose verdict is good may be quoted, which means compared with others or repeated elsewhere. "
        "Disturbed: something outside the workflow used the machine, or the blocks spread as if it had, and each "
        "repeat was disturbed too.",
    ],
    "ratios": [
        "A / B: the speed of A over that of B, over the rounds in which both ran: geometric mean, with its "
        "95 % t-interval over these pairs. Faster or slower: by a t-test, corrected for all ratios of one measurement "
        "(Holm). Otherwise inconclusive, which an interval that excludes 1 may be too: it is of its ratio alone.",
    ],
    "phases": [
        "Import, build and first step in seconds, medians over the processes. Evaluation in predictions per second: "
        "valid by the protocol of the validation, test by that of the test, which for a text is a batch of one. Loop: "
        "the share of training that is ours and not the implementation's (training loop, clock, history, progress). "
        "Peak memory is the highest of the processes, framework included; the least is what no training step can do "
        "without: weights, gradients, the optimizer's moments and the activations that the backward pass reads. "
        "GB/s: the bandwidth of the device's memory, of adding one large array to another. "
        "The path was found among the operations that a step executes. Not seen: the framework showed neither this "
        "path nor another one.",
    ],
    "anatomy": [
        "Milliseconds of one step under the framework's own profiler, which slows it; in brackets what the part's "
        "matrix products alone take. Operations of two threads can overlap, and what XLA compiled is one call that the "
        "profiler does not open.",
    ],
    "products": [
        "The ceiling of a framework, product by product: medians over the processes of all its implementations. "
        "Each row: how many times a training step computes the product, and the milliseconds of all of them together.",
    ],
}

CEILING_ON_GPU = (
    "On a GPU the ceiling is what products reach that are launched one at a time. Those of a small case take as long "
    "as their launch, whatever they compute, so one kernel for many of them may be faster than this ceiling."
)

EMPTY = {
    "speed": "No speed was measured.",
    "ratios": "No two implementations were measured in the same round.",
    "phases": "No speed was measured.",
    "anatomy": "No training step was traced.",
    "products": "No matrix product was measured.",
}
"""The text in place of a table without rows."""


def by_dataset(name: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the table called ``name`` as text, one part per data set; ``phases`` shows other columns of ``speed``."""
    columns = {
        "speed": _speed,
        "ratios": _ratios,
        "phases": _phases,
        "anatomy": _anatomy,
        "products": _products,
    }[name]
    return {dataset: columns(part) for dataset, part in by_size(table).groupby("dataset", sort=True)}


def notes(name: str, table: pd.DataFrame) -> list[str]:
    """Return the notes below the table called ``name``.

    Those of ``speed`` also say where it was measured, those of ``anatomy`` what is not in it.
    """
    if table.empty:
        return [EMPTY[name]]
    more = {"speed": _about_speeds, "anatomy": _what_is_covered}
    return [*NOTES[name], *(more[name](table) if name in more else [])]


def in_words(speed: pd.DataFrame, ratios: pd.DataFrame) -> list[str]:
    """Return a line per size and device of one data set, on its quotable speeds, and on the others with their reasons.

    Each framework's fastest implementation is compared with its slowest, and the fastest of the frameworks with each
    other.
    """
    lines = []
    for (size, device), cases in by_size(speed).groupby(["size", "device"], sort=False):
        sentences = []
        good = cases[cases["quotable"] == 1].sort_values("rate", ascending=False)
        for row in good.head(1).itertuples():
            over = interval(row.rate_low, row.rate_high, row.processes, "process")
            ceiling = f", {share(row.share)} of its ceiling" if row.share > 0 else ""
            fastest = "the fastest" if len(good) == len(cases) else "the fastest that may be quoted,"
            sentences.append(
                f"{row.implementation} is {fastest} with {rounded(row.rate)} {row.unit} ({_named(over)}){ceiling}."
            )
        here = ratios[(ratios["size"] == size) & (ratios["device"] == device)]
        pairs = here.set_index(["numerator", "denominator"], drop=False)
        sentences += [
            _ratio_in_words(pairs.loc[pair]) for pair in _telling(good["implementation"]) if pair in pairs.index
        ]
        bad = [f"{row.implementation} ({verdict(row)})" for row in cases[cases["quotable"] == 0].itertuples()]
        disturbed = good.loc[good["disturbed"] != "", "implementation"]
        if not disturbed.empty:
            sentences.append(f"Disturbed in some process: {', '.join(sorted(disturbed))}.")
        if bad:
            sentences.append(f"Not to be quoted: {', '.join(bad)}.")
        lines.append(f"Training speed, size {size} on {device}: {' '.join(sentences)}")
    return lines or [EMPTY["speed"]]


def _telling(by_speed: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs worth a sentence, of implementations from the fastest to the slowest."""
    families: dict[str, list[str]] = {}
    for name in by_speed:
        families.setdefault(framework(name), []).append(name)
    within = [(names[0], names[-1]) for names in families.values() if len(names) > 1]
    return within + list(itertools.combinations([names[0] for names in families.values()], 2))


def _ratio_in_words(row: pd.Series) -> str:
    found = _named(interval(row["low"], row["high"], row["pairs"], "pair", 2))
    found += f", {row['pairs']:.0f} pairs" if row["pairs"] > 1 else ""
    judged = row["verdict"]
    if judged.kind is Kind.INCONCLUSIVE:
        why = f"; {judged.reason}" if judged.reason else ""
        return (
            f"Between {row['numerator']} and {row['denominator']} it is inconclusive "
            f"({row['ratio']:.2f} times as fast, {found}{why})."
        )
    return f"{row['numerator']} trains {row['ratio']:.2f} times as fast as {row['denominator']} ({found})."


def _named(found: str) -> str:
    return f"95 % interval {found}" if " to " in found else found


def rounded(value: float) -> str:
    """Format a rate or a time with three significant digits, never rounding before the point; a dash if missing."""
    return number(value, decimals(value, 3))


def share(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Format in whole %, with its interval if there is one; a dash if missing."""
    if pd.isna(value):
        return ABSENT
    return f"{100 * value:.0f} %" + ("" if pd.isna(low) else f" ({100 * low:.0f} to {100 * high:.0f})")


def unit(speed: pd.DataFrame) -> str:
    """Return the unit of the rates of a data set; a failed case has none."""
    return next(filter(None, speed["unit"]), "per second")


def interval(low: float, high: float, count: int, of: str, digits: int | None = None) -> str:
    """Format the ends of an interval over ``count`` of ``of`` ("process", "pair"), or say why there is none."""
    if not pd.isna(low):
        return " to ".join(rounded(end) if digits is None else number(end, digits) for end in (low, high))
    return f"one {of}: no interval" if count == 1 else ABSENT


def remarks(row: Any) -> list[str]:
    """Return every reason against a row of ``speed``."""
    text = str(row.verdict)
    found = [
        sentence_and_details(text)[0] if row.verdict.kind is Kind.FAILED else text,
        "" if row.steady == STEADY else row.steady,
        f"disturbed: {reasons([row.disturbed])}" if row.disturbed else "",
        f"path {NOT_SEEN}" if row.path == NOT_SEEN else "",
    ]
    return [*filter(None, found)]


def verdict(row: Any) -> str:
    """Return the verdict on a row of ``speed``, with every reason against it."""
    return "; ".join([*([GOOD] if row.verdict.kind is Kind.GOOD else []), *remarks(row)])


def short_verdict(row: Any) -> str:
    """Return the verdict on a row of ``speed`` and the kinds of reasons against it, without the reasons."""
    found = [
        GOOD if row.verdict.kind is Kind.GOOD else row.verdict.kind.value,
        "" if row.steady in ("", STEADY) else "not proven steady",
        "disturbed" if row.disturbed else "",
        f"path {NOT_SEEN}" if row.path == NOT_SEEN else "",
    ]
    if row.verdict.kind is Kind.SCATTERED:
        found[0] = str(row.verdict)
    return "; ".join(filter(None, found))


def _speed(table: pd.DataFrame) -> pd.DataFrame:
    rows = _case(table)
    rows[unit(table)] = table["rate"].map(rounded)
    rows["95 % interval"] = [
        interval(row.rate_low, row.rate_high, row.processes, "process") for row in table.itertuples()
    ]
    rows["n"] = _whole(table["processes"])
    rows["ms/step"] = table["step_ms"].map(rounded)
    rows["GFLOP/s"] = table["gflops"].map(rounded)
    rows["share of the ceiling"] = [share(row.share, row.share_low, row.share_high) for row in table.itertuples()]
    rows["first step, s"] = table["first_step_seconds"].map(rounded)
    rows["verdict"] = [verdict(row) for row in table.itertuples()]
    return rows


def _ratios(table: pd.DataFrame) -> pd.DataFrame:
    rows = _group(table)
    rows["compared"] = table["numerator"] + " / " + table["denominator"]
    rows["times as fast"] = table["ratio"].map(lambda value: number(value, 2))
    rows["95 % interval"] = [interval(row.low, row.high, row.pairs, "pair", 2) for row in table.itertuples()]
    rows["pairs"] = _whole(table["pairs"])
    rows["verdict"] = [ABSENT if found.kind is Kind.NO_INTERVAL else str(found) for found in table["verdict"]]
    return rows


def _phases(table: pd.DataFrame) -> pd.DataFrame:
    rows = _case(table)
    for phase in ("import", "build", "first_step"):
        rows[f"{phase.replace('_', ' ')}, s"] = table[f"{phase}_seconds"].map(rounded)
    rows["valid, 1/s"] = table["valid_rate"].map(rounded)
    rows["test, 1/s"] = table["test_rate"].map(rounded)
    rows["loop"] = [ABSENT if pd.isna(value) else f"{100 * value:.2f} %" for value in table["loop_share"]]
    rows["peak memory, MB"] = table["peak_rss_mb"].map(lambda value: number(value, 0))
    if table["peak_device_mb"].notna().any():
        rows["peak GPU memory, MB"] = table["peak_device_mb"].map(lambda value: number(value, 0))
    rows["the least, MB"] = table["least_mb"].map(lambda value: number(value, 0))
    rows["memory, GB/s"] = table["memory_gbs"].map(rounded)
    rows["path"] = table["path"].replace("", ABSENT)
    return rows


def _anatomy(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per part and a column per implementation, with their sum below."""
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for group, of_group in table.groupby(GROUP, sort=False):
        parts = of_group.groupby(["part", "direction"])
        for part, direction in sorted(parts.groups, key=_in_order):
            rows[*group, f"{part}, {direction}".removesuffix(", ")] = {
                row.implementation: _with_products(row) for row in parts.get_group((part, direction)).itertuples()
            }
        rows[*group, "the whole step"] = {name: whole_step(rows) for name, rows in of_group.groupby("implementation")}
    names = sorted(table["implementation"].unique())
    cases = pd.DataFrame([[*name, *(row.get(one, ABSENT) for one in names)] for name, row in rows.items()])
    cases.columns = [*GROUP, "part", *names]
    return pd.concat([_group(cases), cases.drop(columns=GROUP)], axis="columns")


def whole_step(rows: pd.DataFrame) -> str:
    """Return the milliseconds of one traced step, and the share that was traced if it is small."""
    traced = f", {share(rows['coverage'].iloc[0])} traced" if little_covered(rows).any() else ""
    return rounded(rows["milliseconds"].sum()) + traced


def _what_is_covered(table: pd.DataFrame) -> list[str]:
    """Return a line per case whose trace covers little of its step."""
    little = by_size(table[little_covered(table)]).drop_duplicates(["dataset", *GROUP, "implementation"])
    return [
        f"{row.implementation}, {row.size_} on {row.device}: the operations that the profiler shows take "
        f"{share(row.coverage)} of the step. The rest is what it does not show, and the time between operations."
        for row in little.rename(columns={"size": "size_"}).itertuples()
    ]


def _in_order(part: tuple[str, str]) -> tuple[int, bool]:
    name, direction = part
    return PARTS.index(name) if name in PARTS else len(PARTS), direction == "backward"


def _with_products(row: Any) -> str:
    products = f" ({rounded(row.product_milliseconds)})" if row.product_milliseconds > 0 else ""
    return rounded(row.milliseconds) + products


def _products(table: pd.DataFrame) -> pd.DataFrame:
    rows = _group(table)
    rows["framework"] = table["framework"]
    rows["product"] = table["product"] + ", " + table["direction"]
    rows["shapes"] = [
        f"[{row.left_rows:.0f}, {row.inner:.0f}] @ [{row.inner:.0f}, {row.right_columns:.0f}]"
        + (f", {row.transposed} one transposed" if row.transposed else "")
        for row in table.itertuples()
    ]
    rows["times"] = _whole(table["count"])
    rows["ms"] = table["milliseconds"].map(rounded)
    rows["GFLOP/s"] = table["gflops"].map(rounded)
    rows["n"] = _whole(table["processes"])
    return rows


def _about_speeds(table: pd.DataFrame) -> list[str]:
    """Return what the ceiling of a GPU is, if a share of one is shown, and where the speeds were measured."""
    shares = table[table["share"] > 0]
    on_gpu = any(split_device(device).kind == "gpu" for device in shares["device"])
    return [*([CEILING_ON_GPU] if on_gpu else []), *_circumstances(table)]


def _circumstances(table: pd.DataFrame) -> list[str]:
    """Return a line per machine and commit on which cases of ``speed`` were measured, with the libraries of each."""
    names = [*(name for name in MACHINE if name != "spin_limits"), "commit", "commit_dirty", "not_judged"]
    lines = []
    for values, rows in table[table["cpu"] != ""].groupby([*names, "threads"], sort=True, dropna=False):
        cpu, cores, quota, memory, gpu, system, libc, python, switches, commit, dirty, unjudged, threads = values
        used = f"{threads:.0f} thread{'s' if threads > 1 else ''} of {cores:.0f} cores"
        limit = "" if pd.isna(quota) else f"a quota of {quota:g} CPUs"
        machine = ", ".join(filter(None, [cpu, used, limit, f"{memory:.0f} GB", gpu, system, libc]))
        code = f"commit {commit[:12] or 'unknown'}{' with changes' if dirty else ''}"
        switched = f", {switches}" if switches else ""
        libraries = [
            f"{', '.join(sorted(set(part['implementation'])))} ({versions})"
            for versions, part in rows.groupby("versions")
        ]
        lines.append(
            f"Measured on {machine}, Python {python}{switched}, {code}: {'; '.join(sorted(libraries))}."
            + (f" Not judged here, because the system does not count it: {unjudged}." if unjudged else "")
        )
    return lines


def _group(table: pd.DataFrame) -> pd.DataFrame:
    """Return what a row was measured with; the threads only if they differ, otherwise the notes have them."""
    rows = table[GROUP].assign(threads=_whole(table["threads"]))
    return rows if table["threads"].nunique() > 1 else rows.drop(columns="threads")


def _case(table: pd.DataFrame) -> pd.DataFrame:
    rows = _group(table)
    rows.insert(1, "implementation", table["implementation"])
    return rows


def _whole(values: pd.Series) -> pd.Series:
    return values.map(lambda value: f"{value:.0f}").astype(str)

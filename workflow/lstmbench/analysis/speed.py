"""Analyse speed: turn measurements into tables of speed, ratios, the anatomy of a step, and matrix products alone.

Only the last attempt of each round counts.  A case is not quotable if most of its processes were not steady, or if its
blocks spread too far.  Its figures are shown with the reason, and no ratio with it is quoted.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from msgspec.structs import asdict

from lstmbench.analysis import ratios
from lstmbench.implementations import framework
from lstmbench.records.columns import MACHINE, kind_columns, machine_columns, versions_column
from lstmbench.records.format import NOT_SEEN
from lstmbench.records.interference import MAX_QUOTABLE_SPREAD, limits, not_judged
from lstmbench.records.measurement import Measurement
from lstmbench.records.measurement_consistency import SAMPLE, name_of
from lstmbench.records.measurement_record import Details, ProcessSample, TimedProduct, Trace
from lstmbench.records.paths import GROUP_COLUMNS
from lstmbench.statistics import intervals
from lstmbench.statistics.spread import iqr_over_median
from lstmbench.statistics.steady_state import MIN_BLOCKS, unsteadiness
from lstmbench.statistics.verdict import Kind, Verdict

GROUP = [*GROUP_COLUMNS, "threads"]
SPEED = [
    *GROUP, "implementation", "unit", "processes", "blocks", "rate", "rate_low", "rate_high", "step_ms", "step_p95_ms",
    "gflops", "share", "share_low", "share_high", "ceiling_ms", "steady", "disturbed", "not_judged", "verdict",
    "quotable", "path", "import_seconds", "build_seconds", "first_step_seconds", "peak_rss_mb", "peak_device_mb",
    "least_mb", "valid_rate", "test_rate", "loop_share", "memory_gbs",
    *(name for name in MACHINE if name != "spin_limits"), "machine_kind", "bfloat16", "versions", "commit",
    "commit_dirty",
]  # fmt: skip
RATIOS = [*GROUP, "numerator", "denominator", "pairs", "ratio", "low", "high", "quotable", "verdict"]
ANATOMY = [*GROUP, "implementation", "part", "direction", "milliseconds", "product_milliseconds", "coverage"]
PRODUCTS = [
    *GROUP, "framework", "product", "part", "direction", "left_rows", "inner", "right_columns", "transposed", "count",
    "milliseconds", "gflops", "processes",
]  # fmt: skip

UNMEASURED = intervals.Interval(math.nan, math.nan, math.nan)

STEADY = "steady"
"""What the column of that name has if every process was tested and none was found unsteady."""

UNTESTED = "too few blocks to test"
"""What it has if some process was not tested and no other was found unsteady."""


def analyse(measurements: Iterable[Measurement]) -> dict[str, pd.DataFrame]:
    """Return the tables speed, ratios, anatomy and products."""
    groups = [_Group(measurement) for measurement in measurements]
    return {
        "speed": _speed_table(groups),
        "ratios": pd.DataFrame([row for group in groups for row in group.ratios()], columns=RATIOS),
        "anatomy": pd.DataFrame([row for group in groups for row in group.anatomy()], columns=ANATOMY),
        "products": pd.DataFrame([row for group in groups for row in group.products()], columns=PRODUCTS),
    }


def speed_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return the table speed alone."""
    return _speed_table(map(_Group, measurements))


def _speed_table(groups: Iterable[_Group]) -> pd.DataFrame:
    return pd.DataFrame([row for group in groups for row in group.speed], columns=SPEED)


class _Group:
    """Hold one measurement with its samples by implementation."""

    def __init__(self, measurement: Measurement) -> None:
        self.record = measurement.record
        self.name = {**asdict(self.record.group), "threads": self.record.threads}
        # The process with the details may have been disturbed and repeated; its details count nevertheless.
        self.detailed = {
            sample.implementation: (sample, sample.details) for sample in self.record.samples if sample.details
        }
        self.cases: dict[str, list[ProcessSample]] = {}
        for sample in measurement.last_attempts:
            self.cases.setdefault(sample.implementation, []).append(sample)
        blocks = dict(iter(measurement.blocks.groupby(SAMPLE)))
        self.blocks = {
            implementation: [blocks[name_of(sample)] for sample in samples]
            for implementation, samples in self.cases.items()
        }

    @functools.cached_property
    def speed(self) -> list[dict[str, object]]:
        """Return a row per implementation, including those that failed."""
        rows = [self._speed(implementation, samples) for implementation, samples in sorted(self.cases.items())]
        for failure in self.record.failures:
            name = failure.implementation
            row = next((row for row in rows if row["implementation"] == name), None)
            if row is None:
                row = {**self.name, "implementation": name, "processes": 0}
                rows.append(row)
            row |= {"quotable": 0, "verdict": Verdict(Kind.FAILED, failure.failure)}
        return rows

    def _speed(self, implementation: str, samples: list[ProcessSample]) -> dict[str, object]:
        first, blocks = samples[0], self.blocks[implementation]
        rate = intervals.geometric_mean(self._rates(implementation))
        times = [(part["seconds"] / part["steps"]).to_numpy() for part in blocks]
        together = np.concatenate(times)
        reasons = map(unsteadiness, times)
        unsteady = [f"process {place}: {reason}" for place, reason in enumerate(reasons, 1) if reason]
        tested = STEADY if min(map(len, times)) >= MIN_BLOCKS else UNTESTED
        spread = iqr_over_median(together)
        held_back = [reason for sample in samples for reason in _held_back(sample, self.record.threads)]
        verdict = _verdict(held_back, len(unsteady) / len(times), spread)
        ceilings = [product_seconds(sample) for sample in samples]
        steps = [sample.phases.steady_seconds / sample.steady_steps for sample in samples]
        share = intervals.geometric_mean(np.divide(ceilings, steps)) if all(ceilings) else UNMEASURED
        flops = sum(product.flops for product in first.products)
        _, details = self.detailed.get(implementation, (first, Details()))
        evaluation, loop, bandwidth = details.evaluation, details.loop, details.bandwidth
        peaks = [sample.memory.peak_device_bytes for sample in samples]
        device_bytes = [peak for peak in peaks if peak is not None]
        disturbed = sorted({reason for sample in samples for reason in sample.disturbances} - set(held_back))
        return {
            **self.name,
            "implementation": implementation,
            "unit": first.unit,
            "processes": len(samples),
            "blocks": len(together),
            "rate": rate.estimate,
            "rate_low": rate.low,
            "rate_high": rate.high,
            "step_ms": 1e3 * np.median(together),
            "step_p95_ms": 1e3 * np.quantile(together, 0.95),
            "gflops": flops / first.predictions_per_step * rate.estimate / 1e9 if flops else math.nan,
            "share": share.estimate,
            "share_low": share.low,
            "share_high": share.high,
            "ceiling_ms": 1e3 * np.median(ceilings) if all(ceilings) else math.nan,
            "steady": "; ".join(unsteady) or tested,
            "disturbed": "; ".join(disturbed),
            "not_judged": "; ".join(dict.fromkeys(name for sample in samples for name in not_judged(sample.load))),
            "verdict": verdict,
            "quotable": int(verdict.kind is Kind.GOOD),
            "path": _path(details.trace),
            **{
                name: np.median([getattr(sample.phases, name) for sample in samples])
                for name in ("import_seconds", "build_seconds", "first_step_seconds")
            },
            "peak_rss_mb": max(sample.memory.peak_rss_bytes for sample in samples) / 1e6,
            "peak_device_mb": max(device_bytes) / 1e6 if len(device_bytes) == len(samples) else None,
            "least_mb": first.memory.least_bytes.total / 1e6,
            "valid_rate": evaluation and evaluation.valid.predictions_per_second,
            "test_rate": evaluation and evaluation.test.predictions_per_second,
            "loop_share": loop and 1 - loop.learner_seconds / loop.seconds,
            "memory_gbs": bandwidth and bandwidth.bytes / bandwidth.seconds / 1e9,
            **machine_columns(self.record.machine),
            **kind_columns(self.record.machine, self.record.group.device),
            "versions": versions_column(first.versions),
            "commit": self.record.commit,
            "commit_dirty": int(self.record.commit_dirty),
        }

    def _rates(self, implementation: str) -> list[float]:
        """Return predictions per second of each process, over its steady blocks."""
        return [sample.rate for sample in self.cases[implementation]]

    def ratios(self) -> list[dict[str, object]]:
        """Return a row per pair of implementations, faster over slower, over the rounds that both have."""
        quotable = {row["implementation"]: row["quotable"] for row in self.speed}
        rows, of_rounds = [], []
        by_speed = sorted(self.cases, key=lambda name: intervals.geometric_mean(self._rates(name)).estimate)
        for denominator, numerator in itertools.combinations(by_speed, 2):
            of_round = [
                {sample.round: rate for sample, rate in zip(self.cases[name], self._rates(name), strict=True)}
                for name in (numerator, denominator)
            ]
            rounds = sorted(of_round[0].keys() & of_round[1].keys())
            if not rounds:
                continue
            above, below = ([rates[number] for number in rounds] for rates in of_round)
            found = intervals.ratio(above, below)
            of_rounds.append(np.divide(above, below).tolist())
            rows.append(
                {
                    **self.name,
                    "numerator": numerator,
                    "denominator": denominator,
                    "pairs": len(rounds),
                    "ratio": found.estimate,
                    "low": found.low,
                    "high": found.high,
                    "quotable": int(bool(quotable[numerator] and quotable[denominator])),
                }
            )
        judged = ratios.verdicts(of_rounds, [bool(row["quotable"]) for row in rows])
        return [row | {"verdict": verdict} for row, verdict in zip(rows, judged, strict=True)]

    def anatomy(self) -> list[dict[str, object]]:
        """Return a row per implementation and part of a training step, from the one step that was traced."""
        rows = []
        for implementation, (sample, details) in sorted(self.detailed.items()):
            trace = details.trace
            if trace is None or not trace.operations or trace.step_seconds is None:
                continue
            operations = pd.DataFrame(map(asdict, trace.operations))
            least: dict[tuple[str, str], float] = {}
            for product in sample.products:
                key = (product.part, product.direction)
                least[key] = least.get(key, 0.0) + product.count * product.seconds
            seconds = dict(operations.groupby(["part", "direction"])["seconds"].sum())
            traced = operations["seconds"].sum()
            seconds["between operations", ""] = max(0.0, trace.step_seconds - traced)
            rows += [
                {
                    **self.name,
                    "implementation": implementation,
                    "part": part,
                    "direction": direction,
                    "milliseconds": 1e3 * time,
                    "product_milliseconds": 1e3 * least.get((part, direction), 0.0),
                    "coverage": traced / trace.step_seconds,
                }
                for (part, direction), time in seconds.items()
            ]
        return rows

    def products(self) -> list[dict[str, object]]:
        """Return a row per framework and matrix product: the median over the processes of all its implementations."""
        found: dict[tuple[str, str, str], list[TimedProduct]] = {}
        for implementation, samples in sorted(self.cases.items()):
            for product in (product for sample in samples for product in sample.products):
                key = (framework(implementation), product.name, product.direction)
                found.setdefault(key, []).append(product)
        rows = []
        for (owner, name, direction), all_of_it in found.items():
            product = all_of_it[0]
            seconds = product.count * np.median([one.seconds for one in all_of_it])
            rows.append(
                {
                    **self.name,
                    "framework": owner,
                    "product": name,
                    "part": product.part,
                    "direction": direction,
                    "left_rows": product.left[0],
                    "inner": product.left[1],
                    "right_columns": product.right[1],
                    "transposed": product.transposed,
                    "count": product.count,
                    "milliseconds": 1e3 * seconds,
                    "gflops": product.flops / seconds / 1e9,
                    "processes": len(all_of_it),
                }
            )
        return rows


def _verdict(held_back: list[str], unsteady_share: float, spread: float) -> Verdict:
    """Return whether a speed may be quoted; ``unsteady_share`` of its processes were not steady."""
    if held_back:
        return Verdict(Kind.HELD_BACK, held_back[0])
    if unsteady_share > 0.5:
        return Verdict(Kind.UNSTEADY)
    return Verdict(Kind.SCATTERED, f"{100 * spread:.0f} %") if spread > MAX_QUOTABLE_SPREAD else Verdict(Kind.GOOD)


def _path(trace: Trace | None) -> str:
    """Return the kernel path that the trace proved, ``NOT_SEEN`` if it proved none, or "" if there was no trace."""
    if trace is None:
        return ""
    return trace.path or ("" if trace.step_seconds is None else NOT_SEEN)


def process_rates(measurement: Measurement) -> dict[str, list[float]]:
    """Return predictions per second of each process, by implementation; of a repeated process the last attempt."""
    group = _Group(measurement)
    return {implementation: group._rates(implementation) for implementation in group.cases}


def _held_back(sample: ProcessSample, threads: int) -> list[str]:
    return limits(sample.load.throttled_share, sample.load.reachable_cores, threads)


def product_seconds(sample: ProcessSample) -> float:
    """Return the seconds that a step's matrix products alone take; 0 if they were not measured."""
    return sum(product.seconds * product.count for product in sample.products)

"""The figures of two versions of each framework, measured side by side."""

from __future__ import annotations

import numpy as np
from scipy import stats

from lstmbench import implementations
from lstmbench.analysis.speed import process_rates
from lstmbench.records.bundle import read_bundle
from lstmbench.records.measurement import Measurement
from lstmbench.statistics import equivalence, intervals
from tests.repository.baselines import FOLDER
from tests.repository.figures.markdown import table

KEPT_NAME = "frameworks"
KEPT = read_bundle(FOLDER / f"versions/{KEPT_NAME}.zip")
"""What ``make versions`` measured."""

LIBRARY = {"pytorch": "torch", "tensorflow": "tensorflow"}


def pairs(measurement: Measurement) -> list[tuple[str, str]]:
    """Each implementation of another version, and the same one of the version that everything else runs in."""
    names = process_rates(measurement)
    return [(name, implementations.split(name)[0]) for name in sorted(names) if implementations.split(name)[1]]


def build(measurement: Measurement, name: str) -> str:
    """The version of its framework that an implementation ran with, and the build."""
    (found,) = {
        sample.versions[LIBRARY[implementations.framework(name)]]
        for sample in measurement.record.samples
        if sample.implementation == name
    }
    return found


def ratios() -> str:
    """The newer version's speed over the older one's, round by round, and what follows from them together."""
    cases, of_rounds = [], []
    for measurement in sorted(KEPT.measurements, key=lambda one: one.record.group.size, reverse=True):
        rates = process_rates(measurement)
        for other, name in pairs(measurement):
            (old, older), (new, newer) = sorted((build(measurement, one), one) for one in (other, name))
            group = measurement.record.group
            cases.append(f"{group.dataset.upper()} {group.size} | `{name}` | {old} | {new}")
            of_rounds.append(np.divide(rates[newer], rates[older]))
    differ = equivalence.holm([stats.ttest_1samp(np.log(found), 0).pvalue for found in of_rounds])
    rows = []
    for case, found, differs in zip(cases, of_rounds, differ, strict=True):
        ratio = intervals.geometric_mean(found)
        verdict = equivalence.speed_verdict(ratio, differs)
        rows.append(f"| {case} | {ratio.estimate:.3f} | {ratio.low:.3f} to {ratio.high:.3f} | {verdict} |")
    return table("| case | implementation | older | newer | newer over older | 95 % interval | the newer is |", rows)

"""Intervals on simulated truth: they cover what they claim."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.statistics.intervals import geometric_mean, ratio, unpaired_ratio
from tests.factories.timing import block_noise

TRIALS = 2000
BETWEEN = 0.02
"""Standard deviation of the logarithm between processes."""

speeds = st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=12)


def simulated_rates(generator: np.random.Generator, processes: int, truth: float) -> np.ndarray:
    """Blocks' speeds [TRIALS, processes, 20] around ``truth``."""
    of_process = generator.normal(0, BETWEEN, (TRIALS, processes, 1))
    return truth * np.exp(of_process + block_noise(generator, TRIALS, processes, 20))


def coverage(intervals, truth: float) -> float:
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


@pytest.mark.parametrize("processes", [3, 5, 10])
def test_the_interval_of_a_speed_covers_the_truth_as_often_as_it_claims(processes):
    rates = simulated_rates(np.random.default_rng(processes), processes, truth=4000.0)
    of_process = 1 / (1 / rates).mean(axis=-1)  # steps over time, as measured
    assert 0.93 <= coverage(map(geometric_mean, of_process), 4000.0) <= 0.97


def test_the_ratio_of_speeds_measured_apart_covers_the_truth_with_unlike_spreads_and_numbers_of_processes():
    generator = np.random.default_rng(8)
    above = 1.2 * np.exp(generator.normal(0, 0.01, (TRIALS, 5)))
    below = np.exp(generator.normal(0, 0.04, (TRIALS, 8)))
    found = [unpaired_ratio(*sides) for sides in zip(above, below, strict=True)]
    assert 0.93 <= coverage((interval for interval, _ in found), 1.2) <= 0.97
    alike = [unpaired_ratio(*sides)[1] for sides in zip(above / 1.2, below, strict=True)]
    assert 0.03 <= np.mean(np.array(alike) < 0.05) <= 0.07


def test_an_interval_over_blocks_alone_would_cover_far_less():
    # The negative control: the same data, blocks taken for repetitions.
    rates = simulated_rates(np.random.default_rng(5), 5, truth=4000.0)
    assert coverage((geometric_mean(trial.ravel()) for trial in rates), 4000.0) < 0.6


@pytest.mark.parametrize("processes", [6, 10])
def test_an_interval_that_bootstraps_processes_then_blocks_would_cover_too_little(processes):
    # Resampling processes underestimates their spread by (n - 1) / n and knows no t distribution.
    generator, resamples = np.random.default_rng(processes), 300
    covered = []
    for times in 1 / simulated_rates(generator, processes, truth=4000.0)[:600]:
        chosen = generator.integers(processes, size=(resamples, processes, 1))
        again = times[chosen, generator.integers(20, size=(resamples, processes, 20))]
        low, high = np.quantile(-np.log(again.mean(axis=-1)).mean(axis=-1), [0.025, 0.975])
        covered.append(low <= math.log(4000.0) <= high)
    assert np.mean(covered) < 0.93


@pytest.mark.parametrize("processes", [5, 10])
def test_the_interval_of_a_ratio_covers_the_truth_whatever_the_machine_does_to_both(processes):
    generator = np.random.default_rng(processes)
    drift = np.exp(np.cumsum(generator.normal(0, 0.05, (TRIALS, processes)), axis=1))
    fast, slow = (
        drift / (1 / simulated_rates(generator, processes, truth)).mean(axis=-1) for truth in (5000.0, 4000.0)
    )
    paired = [ratio(one, other) for one, other in zip(fast, slow, strict=True)]
    assert 0.93 <= coverage(paired, 1.25) <= 0.97
    # The negative control: without pairs the drift counts as noise, and the interval is useless.
    widths = [math.log(interval.high / interval.low) for interval in paired]
    alone = [math.log(geometric_mean(one).high / geometric_mean(one).low) for one in fast]
    assert np.median(widths) < 0.75 * np.median(alone)


@given(speeds)
def test_a_ratio_turned_round_is_its_inverse(values):
    other = values[::-1]
    one, inverse = ratio(values, other), ratio(other, values)
    assert one.estimate == pytest.approx(1 / inverse.estimate)
    assert one.low == pytest.approx(1 / inverse.high)


@given(speeds, st.floats(0.01, 100))
def test_an_interval_scales_with_its_unit(values, factor):
    one, scaled = geometric_mean(values), geometric_mean([factor * value for value in values])
    assert [scaled.estimate, scaled.low, scaled.high] == pytest.approx(
        [factor * one.estimate, factor * one.low, factor * one.high]
    )
    assert one.low <= one.estimate <= one.high


def test_one_value_has_no_interval():
    found = geometric_mean([4000.0])
    assert found.estimate == pytest.approx(4000.0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_importing_the_statistics_loads_no_scipy_stats_which_takes_longer_than_all_else():
    program = "import sys, lstmbench.records.measurement_record; assert 'scipy' not in sys.modules; "
    program += "from lstmbench.statistics import bisection, equivalence, intervals, steady_state; "
    program += "assert 'scipy.stats' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)

"""The first slow version is found in log2(n) steps; noise makes the answer wider, and never wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lstmbench.statistics.bisection import MAX_UNCERTAIN, ROUNDS, first_slow, is_below
from lstmbench.utils.errors import MachineError


class Simulated:
    """Versions v0 ... with simulated timings: from ``slow_from`` on they have ``ratio`` of the speed of v0."""

    def __init__(self, count: int, slow_from: int, ratio: float = 0.9, noise: float = 0.01, seed: int = 1) -> None:
        self.versions = [f"v{place}" for place in range(count)]
        self.ratios = [1.0 if place < slow_from else ratio for place in range(count)]
        self.noise, self.draw = noise, np.random.default_rng(seed)
        self.broken: set[str] = set()
        self.measured: list[str] = []

    def measure(self, version: str, rounds: int) -> list[float]:
        if version in self.broken:
            raise MachineError(f"{version} has no wheel")
        self.measured.append(version)
        noise = self.draw.normal(0, self.noise, rounds)
        return list(self.ratios[self.versions.index(version)] * np.exp(noise))

    def found(self, least_loss: float = 0.02):
        return first_slow(self.versions, self.measure, least_loss)


@pytest.mark.parametrize("count", [2, 3, 8, 17])
def test_every_first_slow_version_is_found_in_log2_steps(count):
    for slow_from in range(1, count):
        simulated = Simulated(count, slow_from)
        assert simulated.found().suspects == [f"v{slow_from}"]
        tried = {*simulated.measured} - {simulated.versions[-1]}
        assert len(tried) <= math.ceil(math.log2(count - 1))


@pytest.mark.parametrize("noise", [0.03, 0.06, 0.15])
def test_under_noise_no_wrong_version_is_named_in_fifty_trials(noise):
    named = 0
    for seed in range(50):
        slow_from = 1 + seed % 32
        simulated = Simulated(33, slow_from, noise=noise, seed=seed)
        found = simulated.found()
        if found.suspects:
            assert f"v{slow_from}" in found.suspects
        assert len({*simulated.measured}) <= 1 + math.log2(32) + MAX_UNCERTAIN
        named += len(found.suspects) == 1
    assert named >= {0.03: 48, 0.06: 25, 0.15: 0}[noise]


def test_a_noisy_answer_is_repeated_up_to_a_limit():
    simulated = Simulated(2, 1, ratio=0.95, noise=0.03)
    assert simulated.found().suspects == ["v1"]
    assert len(simulated.measured) > 1
    hopeless = Simulated(2, 1, ratio=0.98, noise=0.5)
    found = hopeless.found()
    assert (found.suspects, found.judged["v1"].slow, len(found.judged["v1"].ratios)) == ([], None, ROUNDS[-1])


@pytest.mark.parametrize("ratio", [1.0, 0.995, 1.1])
def test_an_end_that_is_not_slower_has_no_first_slow_version(ratio):
    simulated = Simulated(9, 4, ratio=ratio, noise=0.003)
    found = simulated.found()
    assert (found.suspects, found.judged["v8"].slow) == ([], False)
    assert {*simulated.measured} == {"v8"}


def test_a_version_that_cannot_be_measured_is_passed_over_and_named_if_it_may_be_the_first():
    aside = Simulated(9, 2)
    aside.broken = {"v4"}
    found = aside.found()
    assert (found.suspects, found.skipped) == (["v2"], {"v4": "v4 has no wheel"})
    before = Simulated(9, 4)
    before.broken = {"v3"}
    assert before.found().suspects == ["v3", "v4"]


def test_an_end_that_cannot_be_measured_is_an_error():
    simulated = Simulated(9, 4)
    simulated.broken = {"v8"}
    with pytest.raises(MachineError, match="v8 has no wheel"):
        simulated.found()


def test_the_first_of_two_losses_counts_once_it_is_more_than_half():
    simulated = Simulated(9, 4)
    simulated.ratios = [1.0, 1.0, 0.98, 0.98, 0.98, 0.90, 0.90, 0.90, 0.90]
    assert simulated.found().suspects == ["v5"]


def test_ratios_that_agree_in_every_bit_decide():
    assert is_below([0.9] * 5, math.log(0.95)) is True
    assert is_below([1.0] * 5, math.log(0.95)) is False
    assert is_below([0.95] * 5, math.log(0.95)) is None

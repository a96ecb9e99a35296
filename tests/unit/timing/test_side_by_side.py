"""Two Pythons are measured in turns, and a ratio per round comes of it."""

from __future__ import annotations

import pytest

from lstmbench.timing import side_by_side
from lstmbench.timing.rounds import Ended
from lstmbench.timing.side_by_side import ratios
from lstmbench.utils.errors import MachineError
from tests.factories.measurements import make_report

COMMANDS = {"first": ["a"], "second": ["b"]}


def reporting(monkeypatch, reports):
    """Rounds that report this; the order in which they started."""
    orders = []

    def run_round(commands, blocks, folder, log):
        orders.append([*commands])
        return reports

    monkeypatch.setattr(side_by_side, "run_round", run_round)
    return orders


def test_a_ratio_per_round_is_the_second_speed_over_the_first_and_each_starts_first_in_turn(monkeypatch):
    steps = {"first": 60, "second": 30}
    reports = {
        name: make_report(
            phases__steady_seconds=5.0, steady_steps=count, blocks=[{"steps": 3, "seconds": 0.25} for _ in range(20)]
        )
        for name, count in steps.items()
    }
    orders = reporting(monkeypatch, reports)
    said = []
    assert ratios(COMMANDS, 4, said.append) == [0.5] * 4
    assert orders == [["first", "second"], ["second", "first"]] * 2
    assert said[-1] == "round 4 of 4: 0.500 times as fast"


def test_a_process_that_fails_is_named(monkeypatch):
    reporting(monkeypatch, {"first": make_report(), "second": Ended("E4-MACHINE: no GPU", 4)})
    with pytest.raises(MachineError, match="the second of the two cannot be measured: E4-MACHINE: no GPU"):
        ratios(COMMANDS, 1, print)

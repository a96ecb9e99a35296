"""The verdict on interference, for real: a small computation alone and beside others that spin on every core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from lstmbench.orchestration.dependencies import PACKAGE
from lstmbench.records.interference import CHECKS, MAX_FOREIGN_SHARE, Load, disturbances, not_judged
from lstmbench.statistics.spread import iqr_over_median
from lstmbench.timing.counters import Counters, Span, load

COMPUTE = """
import msgspec, json
import numpy as np
from lstmbench.utils.clock import Stopwatch
from lstmbench.timing.counters import Counters, load
matrix, blocks = np.ones((300, 300), np.float32), []
before = Counters()
while sum(blocks) < 1.5:
    watch = Stopwatch()
    while watch.seconds() < 0.1:
        for _ in range(20):
            matrix @ matrix
    blocks.append(watch.seconds())
print(json.dumps({"load": msgspec.to_builtins(load([before.span()])), "blocks": blocks}))
"""
WAIT = "import sys; sys.stdin.read()"
SPIN = "while True: pass"

QUIET = Load(wall_seconds=5.0, cpu_seconds=9.9, foreign_share=0.0, steal_share=0.0, pressure_share=0.0)


@contextmanager
def beside(program: str) -> Iterator[None]:
    """One process per core that runs ``program``."""
    others = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.communicate()


def reasons_of_a_computation() -> list[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", COMPUTE], capture_output=True, text=True, check=True, env=environment)
    found = json.loads(done.stdout)
    return disturbances(Load(**found["load"]), 1, 1.0, iqr_over_median(found["blocks"]))


def someone_else_is_busy() -> bool:
    before = Counters()
    subprocess.run([sys.executable, "-c", "import time; time.sleep(1)"], check=True)
    found = load([before.span()])
    return found.foreign_share > MAX_FOREIGN_SHARE or (found.steal_share or 0) > 0.005


def test_a_computation_beside_spinners_was_disturbed():
    with beside(SPIN):
        reasons = reasons_of_a_computation()
    assert any("foreign CPU" in reason for reason in reasons)


def test_a_computation_on_a_quiet_machine_was_not():
    # As many processes beside it, asleep: it is their CPU time that disturbs and not their being there.
    if someone_else_is_busy():
        pytest.skip("somebody else uses this machine now, so it cannot show what a quiet one does")
    with beside(WAIT):
        verdicts = [reasons_of_a_computation() for _ in range(3)]
    if all(any(reason.startswith("steal") for reason in reasons) for reasons in verdicts):
        pytest.skip("the host took CPU time away in each of three tries, which no process here can cause")
    assert [] in verdicts, verdicts


@pytest.mark.parametrize(
    ("load", "spread", "reason"),
    [
        (QUIET, 0.05, None),
        (Load(5.0, 9.9, 0.021, 0.0, 0.0), 0.05, "foreign CPU 2.1 %"),
        (Load(5.0, 9.9, 0.0, 0.011, 0.0), 0.05, "steal 1.1 %"),
        (Load(5.0, 8.8, 0.0, 0.0, 0.0), 0.05, "CPU time 88.9 % of the usual"),
        (QUIET, 0.11, "spread of the blocks 11.0 %"),
        (Load(5.0, 9.9, 0.0, None, None), 0.05, None),
        (replace(QUIET, throttled_share=0.03), 0.05, "its quota of CPU time was used up in 3.0 %"),
        (replace(QUIET, reachable_cores=1), 0.05, "its 2 threads can run on 1 of the cores"),
        (replace(QUIET, granted_share=0.5), 0.05, "threads that only compute got 50.0 % of a CPU each"),
        (replace(QUIET, throttled_share=0.0, reachable_cores=2, granted_share=0.95), 0.05, None),
    ],
)
def test_each_counter_has_its_threshold(load, spread, reason):
    found = disturbances(load, threads=2, calibration=0.99, spread=spread)
    assert len(found) == (reason is not None)
    assert all(one.startswith(reason) for one in found)


def test_a_program_that_keeps_half_its_threads_busy_is_held_against_itself():
    half = Load(5.0, 5.0, 0.0, 0.0, 0.0)
    assert disturbances(half, threads=2, calibration=half.cpu_per_thread(2), spread=0.0) == []


def test_periods_in_which_a_quota_was_used_up_are_a_share_of_all():
    spans = [Span(0.25, 0.1, 0.1, None, None, periods=2, throttled=count) for count in (2, 1, 0, 2)]
    assert load(spans).throttled_share == pytest.approx(5 / 8)
    assert load([Span(0.25, 0.1, 0.1, None, None)]).throttled_share == 0
    assert load([Span(0.25, 0.1, 0.1, None, None, periods=None, throttled=None)]).throttled_share is None


def test_a_check_whose_counter_the_system_lacks_is_named_and_no_other():
    assert not_judged(replace(QUIET, throttled_share=0.0, reachable_cores=2)) == []
    assert not_judged(Load(5.0, 9.9, 0.0, None, None)) == list(CHECKS.values())
    assert not_judged(replace(QUIET, throttled_share=0.0)) == [CHECKS["reachable_cores"]]


def test_the_ticks_of_many_short_spans_cancel_before_they_are_judged():
    # Each span alone seems to have a tick too many or too few of somebody else's CPU time.
    spans = [Span(wall=0.25, own=0.5 + tick, busy=0.5, steal=0.0, pressure=None) for tick in (0.01, -0.01) * 10]
    found = load(spans)
    assert found.foreign_share == pytest.approx(0.0, abs=1e-9)
    assert found.wall_seconds == pytest.approx(5.0)
    assert found.cpu_seconds == pytest.approx(10.0)
    assert (found.steal_share, found.pressure_share) == (0.0, None)

"""One thread of this machine is measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from lstmbench.system import flops


def test_the_probe_measures_one_thread_in_a_process_of_its_own(monkeypatch):
    started = []

    def run(command, *, env, **_):
        started.append(command)
        assert {env[name] for name in flops.EVERY_THREAD_COUNT} == {"1"}
        return subprocess.CompletedProcess(command, 0, stdout="5e9\n")

    monkeypatch.setattr(flops.subprocess, "run", run)
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert flops.measured_flops_per_second() == 5e9
    assert started == [[sys.executable, "-c", flops.PROBE]]


def test_the_probe_runs_and_prints_a_speed():
    assert 1e8 < flops.measured_flops_per_second() < 1e13

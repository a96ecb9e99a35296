"""Measure the FLOP/s of one thread of this machine."""

from __future__ import annotations

import os
import subprocess
import sys

PROBE = """\
import time, numpy
left, right = numpy.ones((256, 256), "float32"), numpy.ones((256, 1024), "float32")
begin, fastest = time.perf_counter(), 1e9
while time.perf_counter() - begin < 1:
    before = time.perf_counter()
    left @ right
    fastest = min(fastest, time.perf_counter() - before)
print(2 * 256 * 256 * 1024 / fastest)
"""
"""Print the FLOP/s of one thread.

A product takes a millisecond.  The fastest one counts, because other processes then hardly matter.  Only one thread is
measured, because several wait for the slowest: with four other processes running, two were ten times slower than one.
"""

PROBE_TIMEOUT = 20.0

EVERY_THREAD_COUNT = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def measured_flops_per_second() -> float:
    """Measure one thread of this machine for a second.

    A separate process measures, so that it has only one thread and leaves none behind.
    """
    environment = os.environ | dict.fromkeys(EVERY_THREAD_COUNT, "1")
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PROBE_TIMEOUT, check=True)
    return float(done.stdout)

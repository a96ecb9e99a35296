"""Measure how many floating-point operations a second one thread of this machine does."""

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

A product takes a millisecond, and the fastest counts, because other processes then hardly matter.  Of several threads
each waits for the slowest: beside four other processes two were seen to be ten times slower than one.
"""

PROBE_TIMEOUT = 20.0

EVERY_THREAD_COUNT = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def measured_flops_per_second() -> float:
    """Measure one thread of this machine for a second.

    In a process of its own, which leaves no thread behind and has no more than one.
    """
    environment = os.environ | dict.fromkeys(EVERY_THREAD_COUNT, "1")
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PROBE_TIMEOUT, check=True)
    return float(done.stdout)

"""Limit how long waiting threads spin, because a training may share the machine.

A waiting thread spins at first, because waking takes some microseconds.  If other programs run, it occupies a core that
the thread it waits for could use, and a training with two threads becomes very slow.  A short spin costs nothing on an
idle machine.  Speed measurements do not limit it, because there the setting is part of what is measured.  Results
do not depend on it.

A library reads its variable when it is loaded, so ``limited`` must enclose the import of the framework.  TensorFlow's
thread pool has no such variable and does not slow down.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

LIMITS = {
    # GNU's OpenMP, which PyTorch uses on Linux: 300,000 rounds by default, some milliseconds.
    # https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    "GOMP_SPINCOUNT": "1000",
    # LLVM's and Intel's OpenMP, which PyTorch uses on macOS and in conda: 200 ms by default.
    # https://openmp.llvm.org/design/Runtimes.html#kmp-blocktime
    "KMP_BLOCKTIME": "1",
}

ASKED_FOR_BY = {
    "GOMP_SPINCOUNT": ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"),
    "KMP_BLOCKTIME": ("KMP_BLOCKTIME", "KMP_LIBRARY", "OMP_WAIT_POLICY"),
}
"""Variable -> the variables of which none may be set by the user, whose choice is respected."""


@contextmanager
def limited(device: str) -> Iterator[dict[str, str]]:
    """Limit the spinning of libraries that are loaded in the block; yield the variables that were set.

    ``device`` is cpu or gpu.  With a GPU, the CPU's threads do not determine the speed, and nothing is set.
    """
    ours = {
        name: value
        for name, value in LIMITS.items()
        if device == "cpu" and not any(other in os.environ for other in ASKED_FOR_BY[name])
    }
    os.environ.update(ours)
    try:
        yield ours
    finally:
        for name in ours:
            del os.environ[name]

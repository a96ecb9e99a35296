"""Let threads that wait for one another go to sleep soon, where a training shares the machine.

A thread that waits spins at first, because waking takes some microseconds.  Beside other work it spins on a core that
the thread it waits for could use, and a training of two threads crawls.  A short spin costs nothing on a quiet machine.
Measurements of speed are left alone: there the setting is part of what is measured.  No bit of a result depends on it.

A library reads its variable when it is loaded, so that ``limited`` goes around the import of the framework.
TensorFlow's pool of threads has no such variable, and keeps its pace without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

LIMITS = {
    # GNU's OpenMP, of PyTorch on Linux: 300,000 rounds by default, some milliseconds.
    # https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    "GOMP_SPINCOUNT": "1000",
    # LLVM's and Intel's OpenMP, of PyTorch on macOS and in conda: 200 ms by default.
    # https://openmp.llvm.org/design/Runtimes.html#kmp-blocktime
    "KMP_BLOCKTIME": "1",
}

ASKED_FOR_BY = {
    "GOMP_SPINCOUNT": ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"),
    "KMP_BLOCKTIME": ("KMP_BLOCKTIME", "KMP_LIBRARY", "OMP_WAIT_POLICY"),
}
"""If the user set one of these, the library waits as the user wants."""


@contextmanager
def limited(device: str) -> Iterator[dict[str, str]]:
    """Within the block, limit the spinning of libraries that are loaded in it; yields the variables that were set.

    device: cpu or gpu; beside a GPU the threads of the CPU do not set the pace, and nothing is set.
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

"""Read the energy that a GPU has used, from the counter of the NVIDIA driver; elsewhere it is not measured.

``nvidia-smi`` does not show the counter, so the driver's own library is asked: NVML,
``nvmlDeviceGetTotalEnergyConsumption``, in millijoules since the driver was loaded, of Volta and newer GPUs
(https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html).  It counts the whole card, whoever uses it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from lstmbench.system import nvidia
from lstmbench.utils.errors import MachineError

LIBRARY = "libnvidia-ml.so.1"
SUCCESS = 0

Energy = Callable[[], float | None]
"""Joules since some moment of the past; None: not measured."""


def not_measured() -> None:
    """Return that there is no energy."""
    return None


def energy_of(kind: str, workers: int) -> Energy:
    """Return what reads the counter of the GPU on which a run computes, or ``not_measured``.

    A run on a CPU, of several workers, or on a part of a card (MIG) is not measured: no counter is its own.
    """
    if kind != "gpu" or workers > 1:
        return not_measured
    try:
        gpus = nvidia.visible_gpus("uuid", "mig.mode.current")
    except MachineError:
        return not_measured
    if not gpus or gpus[0][1] == "Enabled":
        return not_measured
    library = _loaded()
    handle = ctypes.c_void_p()
    if library is None or library.nvmlDeviceGetHandleByUUID(gpus[0][0].encode(), ctypes.byref(handle)) != SUCCESS:
        return not_measured

    def joules() -> float | None:
        count = ctypes.c_ulonglong()
        code = library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(count))
        return count.value / 1000 if code == SUCCESS else None

    return joules


def _loaded() -> Any | None:
    """Return the initialised library, or None if there is none."""
    try:
        library = ctypes.CDLL(LIBRARY)
        return library if library.nvmlInit_v2() == SUCCESS else None
    except (OSError, AttributeError):  # not there, or too old
        return None

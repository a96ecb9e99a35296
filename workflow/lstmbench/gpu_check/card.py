"""Describe the GPU, and refuse to check one that is absent, busy or has too old a driver.

The driver answers all questions (``nvidia``), so that no framework needs to be imported.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any

from lstmbench.system import nvidia
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import MachineError
from lstmbench.utils.escaping import one_line

FIELDS = {
    "name": "name",
    "driver": "driver_version",
    "compute_capability": "compute_cap",
    "memory_mib": "memory.total",
    "power_limit_watts": "power.limit",
    "max_sm_clock_mhz": "clocks.max.sm",
}
"""Key in gpu-check.json -> field of ``nvidia-smi --help-query-gpu``."""

TEXTS = ("name", "driver", "compute_capability")

MAX_UTILIZATION_PERCENT = 10
"""An idle card shows 0 %; one that drives a desktop shows a few per cent."""

SETTLING_SECONDS = 4.0
"""The driver may still list a job of the check that has just ended, and count it in the last second's utilization."""

_CUDA = re.compile(r"CUDA(?: \w+)? Version *: *(\d+)\.(\d+)")


def describe_card() -> dict[str, object]:
    """Return ``FIELDS`` of the first visible GPU, and ``cuda``, the newest CUDA version that its driver supports.

    A value is None if the driver does not report it.

    Raises:
        MachineError: there is no GPU, or its driver does not answer.
    """
    if not nvidia.installed():
        raise MachineError(
            "no GPU to check: expected an NVIDIA driver (nvidia-smi), found none; run this on a machine with a GPU"
        )
    gpus = nvidia.visible_gpus(*FIELDS.values())
    if not gpus:
        raise MachineError(
            "no GPU to check: expected one that nvidia-smi lists, found none; is it passed through, and does "
            f"CUDA_VISIBLE_DEVICES ({os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}) leave it?"
        )
    values = dict(zip(FIELDS, gpus[0], strict=True))
    version = _CUDA.search(nvidia.ask())
    card = {name: one_line(value) if name in TEXTS else _number(value) for name, value in values.items()}
    return {**card, "cuda": f"{version[1]}.{version[2]}" if version else None}


def require_new_enough(card: Mapping[str, Any], versions: Mapping[str, str], implementation: str) -> None:
    """Refuse a driver that is older than the CUDA that a framework was built for.

    A driver of CUDA 11 or later runs every build of its own major version (CUDA Compatibility, minor versions).

    Raises:
        MachineError: expected and found versions.
    """
    built, supported = versions.get("cuda"), card.get("cuda")
    if not (built and supported):
        return
    needed, had = (int(version.partition(".")[0]) for version in (built, supported))
    if needed > had:
        raise MachineError(
            f"{implementation} was built for CUDA {built}: expected a driver of at least CUDA {needed}, found driver "
            f"{card['driver']} (CUDA {supported}); update the driver, or install a build for CUDA {had}"
        )


def require_idle() -> None:
    """Refuse a card that other processes use, because its full speed could not be measured.

    Raises:
        MachineError: who uses it, and how much.
    """
    watch = Stopwatch()
    while (used := _users()) and watch.seconds() < SETTLING_SECONDS:
        time.sleep(0.5)
    if used:
        raise MachineError(
            f"the GPU is in use by {len(used)} other process(es), the first (pid, name, memory): {used[0]}; expected "
            "none: wait for them, or stop them"
        )
    while (busy := _utilization()) > MAX_UTILIZATION_PERCENT and watch.seconds() < SETTLING_SECONDS:
        time.sleep(0.5)
    if busy > MAX_UTILIZATION_PERCENT:
        raise MachineError(
            f"the GPU is in use: expected a utilization of at most {MAX_UTILIZATION_PERCENT} %, found {busy:g} %; wait "
            "until whatever uses it (another container, a desktop) has ended"
        )


def _users() -> list[str]:
    """Return pid, name and memory of every process on the visible GPU, or on any if CUDA_VISIBLE_DEVICES is not set."""
    hidden = "CUDA_VISIBLE_DEVICES" in os.environ
    own = [f"--id={index}" for (index,) in nvidia.visible_gpus("index")[:1]] if hidden else []
    lines = nvidia.ask(*own, "--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader").splitlines()
    return [one_line(line) for line in lines if line.strip() and not line.startswith("No running")]


def _utilization() -> float:
    """Return the utilization of the first visible GPU in per cent; 0 if the driver does not report it."""
    return next((_number(percent) or 0.0 for (percent,) in nvidia.visible_gpus("utilization.gpu")), 0.0)


def _number(text: str) -> float | None:
    """Parse a number from ``nvidia-smi``; None for [N/A] and the like."""
    try:
        return float(text)
    except ValueError:
        return None

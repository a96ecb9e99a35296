"""The GPU as its driver describes it, and the reasons not to check it.

All facts come from ``nvidia-smi``, so that no framework needs to be imported.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from lstmbench.clock import Stopwatch
from lstmbench.errors import MachineError
from lstmbench.text import one_line

FIELDS = {
    "name": "name",
    "driver": "driver_version",
    "compute_capability": "compute_cap",
    "memory_mib": "memory.total",
    "power_limit_watts": "power.limit",
    "max_sm_clock_mhz": "clocks.max.sm",
}
"""Our name -> a field of ``nvidia-smi --help-query-gpu``."""

TEXTS = ("name", "driver", "compute_capability")

MAX_UTILIZATION_PERCENT = 10
"""A card at hand for a check shows 0 %; a desktop shows some per cent."""

SETTLING_SECONDS = 4.0
"""A job of ours that has just ended is still listed for a moment, and counted in the last second's utilization."""

TIMEOUT_SECONDS = 30.0
"""A driver that has lost its card lets ``nvidia-smi`` hang."""

_CUDA = re.compile(r"CUDA(?: \w+)? Version *: *(\d+)\.(\d+)")


def describe_card() -> dict[str, Any]:
    """Return ``FIELDS`` of the first GPU and ``cuda``, the newest CUDA its driver supports; None: not told.

    Raises:
        MachineError: there is no GPU, or its driver does not answer.
    """
    if shutil.which("nvidia-smi") is None:
        raise MachineError(
            "no GPU to check: expected an NVIDIA driver (nvidia-smi), found none; run this on a machine with a GPU"
        )
    answer = _ask(f"--query-gpu={','.join(FIELDS.values())}", "--format=csv,noheader,nounits")
    rows = [line for line in answer.splitlines() if line.strip()]
    if not rows:
        raise MachineError("no GPU to check: expected one that nvidia-smi lists, found none; is it passed through?")
    values = dict(zip(FIELDS, (text.strip() for text in rows[0].split(",")), strict=True))
    told = _CUDA.search(_ask())
    card = {name: one_line(value) if name in TEXTS else _number(value) for name, value in values.items()}
    return {**card, "cuda": f"{told[1]}.{told[2]}" if told else None}


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
    """Refuse a card that somebody else computes on: a speed measured then would not be the card's.

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
    """Pid, name and memory of every process that computes on a GPU."""
    lines = _ask("--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader").splitlines()
    return [one_line(line) for line in lines if line.strip() and not line.startswith("No running")]


def _utilization() -> float:
    """Percent of the first GPU; 0 if the driver does not tell."""
    answer = _ask("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
    return _number(answer.partition("\n")[0].strip()) or 0.0


def _ask(*arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise MachineError(
            f"nvidia-smi did not answer within {TIMEOUT_SECONDS:g} s: the driver or the card hangs; restart the machine"
        ) from error
    if answer.returncode:
        raise MachineError(f"nvidia-smi failed ({answer.returncode}): {one_line(answer.stdout + answer.stderr)}")
    return answer.stdout


def _number(text: str) -> float | None:
    """A number that ``nvidia-smi`` gave; None for [N/A] and the like."""
    try:
        return float(text)
    except ValueError:
        return None

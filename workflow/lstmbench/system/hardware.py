"""Describe the hardware and the operating system that a number was measured on."""

from __future__ import annotations

import os
import platform
import re
import resource

import psutil

from lstmbench.system import linux, nvidia
from lstmbench.system.control_groups import control_groups
from lstmbench.system.cores import cpu_quota, usable_cores
from lstmbench.system.machine import Machine
from lstmbench.system.processor import ARCHITECTURES, UNKNOWN, processor
from lstmbench.system.switches import switches
from lstmbench.utils.errors import MachineError
from lstmbench.utils.escaping import one_line

MEMORY_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""The files of a control group that may hold a limit in bytes, of versions 2 and 1."""

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)

NODE = "SLURMD_NODENAME"
"""Slurm's variable for the name of the node on which a process runs."""


def describe() -> Machine:
    """Describe processor, memory (bytes), GPU, operating system, Python, the switches that are set, and cluster node.

    No other host or user name is recorded, because records are sent to others.  ``identity`` defines which of these
    fields count when two machines are compared.
    """
    name, capability, bfloat16 = processor()
    return Machine(
        cpu=one_line(name or f"{UNKNOWN} ({ARCHITECTURES.get(platform.machine(), platform.machine())})"),
        capability=capability,
        bfloat16=bfloat16,
        cores=usable_cores(),
        cpu_quota=cpu_quota(),
        memory_bytes=psutil.virtual_memory().total,
        gpu=_gpu(),
        os=f"{platform.system()} {platform.release()} {platform.machine()}",
        libc=" ".join(platform.libc_ver()).strip() or None,
        python=platform.python_version(),
        switches=switches(),
        node=one_line(os.environ.get(NODE, ""))[:200] or None,
    )


def gpu_names() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, as the driver lists them, without importing a framework.

    Raises:
        MachineError: the driver does not answer, or fails.
    """
    return [name for (name,) in nvidia.visible_gpus("name")]


def memory_limit_bytes() -> int:
    """Return the bytes that this process may use: the machine's, or the least limit of its control groups if less."""
    total = int(psutil.virtual_memory().total)
    texts = [linux.read(group / name) or "" for group in control_groups("memory") for name in MEMORY_LIMITS]
    return min([total, *(int(text) for text in texts if text.strip().isdecimal())])  # others: no such file, or "max"


def peak_rss_bytes() -> int:
    """Return the peak resident memory of this process in bytes."""
    # The peak of getrusage begins with that of the process that started this one.
    if peak := _PEAK.search(linux.read(linux.PROCESS / "status") or ""):
        return int(peak[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if platform.system() == "Darwin" else used * 1024  # Linux counts KiB


def _gpu() -> str | None:
    """Return the name of the GPU on which a run would compute; None if there is none or the driver fails."""
    try:
        return next(iter(gpu_names()), None)
    except MachineError:
        return None

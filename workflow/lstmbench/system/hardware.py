"""Describe the hardware and the operating system that a number was measured on."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path
from typing import Any

import psutil

from lstmbench.system import nvidia
from lstmbench.system.cores import cpu_quota, usable_cores
from lstmbench.system.identity import ARCHITECTURES, UNKNOWN
from lstmbench.system.processor import processor
from lstmbench.system.switches import switches
from lstmbench.utils.errors import MachineError
from lstmbench.utils.escaping import one_line

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
"""Within a container its own limit (Linux, cgroup-v2.rst)."""

NODE = "SLURMD_NODENAME"
"""What Slurm calls the node that a process runs on."""


def describe() -> dict[str, Any]:
    """Processor, memory (bytes), GPU, operating system, Python, the switches set, and a cluster's node.

    No host or user name otherwise: records are sent to others, and a person's machine is theirs.  ``identity`` says
    which of these fields count when two machines are compared.
    """
    name, capability = processor()
    return {
        "cpu": one_line(name or f"{UNKNOWN} ({ARCHITECTURES.get(platform.machine(), platform.machine())})"),
        "capability": capability,
        "cores": usable_cores(),
        "cpu_quota": cpu_quota(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": _gpu(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "python": platform.python_version(),
        "switches": switches(),
        "node": one_line(os.environ.get(NODE, ""))[:200] or None,
    }


def gpu_names() -> list[str]:
    """The NVIDIA GPUs that this process may use, asked of the driver, so that no framework need be imported.

    Raises:
        MachineError: the driver does not answer, or fails.
    """
    return [name for (name,) in nvidia.visible_gpus("name")]


def memory_limit_bytes() -> int:
    """The memory this process may have: the machine's, or its control group's (v2) if that is less."""
    total = psutil.virtual_memory().total
    try:
        limit = int(CGROUP_MEMORY.read_text(encoding="ascii"))
    except (OSError, ValueError):  # none, or "max"
        return total
    return min(total, limit)


def peak_rss_bytes() -> int:
    """The most memory this process has had resident, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024  # Linux counts KiB


def _gpu() -> str | None:
    """The name of the GPU that a process of ours computes on; None without one, and unless the driver tells."""
    try:
        return next(iter(gpu_names()), None)
    except MachineError:
        return None

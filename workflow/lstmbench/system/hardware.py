"""Describe the hardware and the operating system that a number was measured on."""

from __future__ import annotations

import os
import platform
import resource

import psutil

from lstmbench.system import linux, nvidia
from lstmbench.system.cores import cpu_quota, usable_cores
from lstmbench.system.machine import Machine
from lstmbench.system.processor import ARCHITECTURES, UNKNOWN, processor
from lstmbench.system.switches import switches
from lstmbench.utils.errors import MachineError
from lstmbench.utils.escaping import one_line

CGROUP_MEMORY = linux.CGROUPS / "memory.max"
"""Within a container, this file holds the container's own limit (Linux, cgroup-v2.rst)."""

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
    """Return the bytes that this process may use: the machine's, or its control group's (v2) if that is less."""
    total = int(psutil.virtual_memory().total)
    limit = (linux.read(CGROUP_MEMORY) or "").strip()
    return min(total, int(limit)) if limit.isdecimal() else total  # none, or "max"


def peak_rss_bytes() -> int:
    """Return the peak resident memory of this process in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024  # Linux counts KiB


def _gpu() -> str | None:
    """Return the name of the GPU on which a run would compute; None if there is none or the driver fails."""
    try:
        return next(iter(gpu_names()), None)
    except MachineError:
        return None

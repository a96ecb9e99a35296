"""The hardware and software a number was measured on."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from lstmbench.system import nvidia
from lstmbench.system.cores import cpu_quota, usable_cores
from lstmbench.system.identity import ARCHITECTURES, UNKNOWN
from lstmbench.system.processor import processor
from lstmbench.system.switches import switches
from lstmbench.utils.errors import MachineError, UsageError
from lstmbench.utils.escaping import one_line
from lstmbench.utils.paths import ROOT
from lstmbench.utils.validation import require_known

"""The project's folder."""

DEVICES = ("auto", "cpu", "gpu")

PRECISIONS = ("float32", "tf32", "bfloat16")
"""How matrix products are computed; weights, loss, gradients and updates stay float32.

float32: in full; tf32: operands rounded to 10 bits of mantissa, on a GPU's tensor cores; bfloat16: operands rounded to
7 bits, and where a framework's own LSTM layer does the work, its gates and states too.  Other than float32 it is part
of a device's name, as in gpu-tf32: it is no fair comparison with a device that computes in full.
"""

DEVICE_HELP = (
    f"{', '.join(DEVICES)}; with a precision other than float32, the threads of a sweep over them, and several workers "
    "behind it, as in gpu-tf32-x2 and cpu-t4"
)

_DEVICE = re.compile(
    r"(?P<kind>[^-]*)(-(?P<precision>.*?))??(-t(?P<threads>\d+))?(-x(?P<workers>\d+))?", re.ASCII | re.DOTALL
)

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
"""Within a container its own limit (Linux, cgroup-v2.rst)."""

LEAST_COMPUTE_CAPABILITY = 8.0
"""Of an NVIDIA GPU with TF32 and bfloat16 (Ampere; CUDA C++ Programming Guide, table of arithmetic instructions)."""


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


class Device(NamedTuple):
    """What a device's name says: cpu or gpu, the precision of its matrix products, workers that share a training.

    ``threads``: of each worker, where several numbers are run side by side; else None, and the record alone tells.
    """

    kind: str
    precision: str
    workers: int
    threads: int | None

    @property
    def name(self) -> str:
        """As in paths and tables, without what is usual: cpu, gpu-tf32, cpu-x2, cpu-t4."""
        precision = [] if self.precision == PRECISIONS[0] else [self.precision]
        threads = [] if self.threads is None else [f"t{self.threads}"]
        workers = [] if self.workers == 1 else [f"x{self.workers}"]
        return "-".join([self.kind, *precision, *threads, *workers])


def resolve_device(wanted: str) -> str:
    """A device's name for ``auto | cpu | gpu``, with precision, threads and workers behind hyphens as in ``wanted``.

    Whether a framework can use the GPU is the learner's to say.

    Raises:
        UsageError: an unknown device or precision, no thread or no worker.
        MachineError: ``auto``, and the driver hangs.
    """
    device = split_device(wanted)
    require_known("device", device.kind, DEVICES)
    require_known("precision", device.precision, PRECISIONS)
    if device.workers < 1:
        raise UsageError(f"device {wanted}: expected 1 worker or more, found {device.workers}")
    if device.threads == 0:
        raise UsageError(f"device {wanted}: expected 1 thread or more, found 0")
    if device.kind == "auto":
        device = device._replace(kind="gpu" if _has_gpu() else "cpu")
    return device.name


def _has_gpu() -> bool:
    """Whether ``auto`` is the GPU: no framework can use one whose driver fails."""
    try:
        return bool(gpu_names())
    except nvidia.FailedError as error:
        print(f"device auto takes the CPU: {error}", file=sys.stderr)
        return False


def split_device(name: str) -> Device:
    """The parts of a device's name: ("gpu", "tf32", 1, None) of gpu-tf32, ("cpu", "float32", 2, 4) of cpu-t4-x2."""
    parts = _DEVICE.fullmatch(name)
    threads = None if parts["threads"] is None else int(parts["threads"])
    return Device(parts["kind"], parts["precision"] or PRECISIONS[0], int(parts["workers"] or 1), threads)


def require_threads(device: str, threads: int) -> None:
    """Refuse other threads than the device's name tells.

    Raises:
        UsageError: expected and found.
    """
    expected = split_device(device).threads
    if expected not in (None, threads):
        raise UsageError(f"device {device}: expected --threads {expected}, found {threads}")


def require_cores(output: str, threads: int, workers: int, found: int) -> None:
    """Refuse a job, told by its output, whose workers have more threads together than Snakemake gives it cores.

    Snakemake itself would give it fewer threads without a word.

    Raises:
        UsageError: expected, found, and what to write.
    """
    expected = threads * workers
    if found < expected:
        each = f"{threads} thread{'s' if threads > 1 else ''}"
        needs = each if workers == 1 else f"{workers} workers of {each}"
        raise UsageError(
            f"{output}: expected {expected} cores ({needs}), found {found}; write --cores {expected}, or ask for fewer "
            "threads or workers, as in --config threads=1"
        )


def require_precision(device: str, precision: str) -> None:
    """Refuse a precision that the device would have to emulate; oneDNN's LSTM refuses bfloat16 on most CPUs.

    Raises:
        MachineError: what it lacks.
    """
    if precision == "float32":
        return
    if device != "gpu":
        raise MachineError(f"precision {precision}: only a GPU computes in it here; choose precisions: [float32]")
    weak = [value for value in _compute_capabilities() if value < LEAST_COMPUTE_CAPABILITY]
    if weak:
        raise MachineError(
            f"precision {precision}: expected a GPU of compute capability {LEAST_COMPUTE_CAPABILITY} or higher, "
            f"found {weak[0]}; choose precisions: [float32]"
        )


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


def commit() -> tuple[str | None, bool]:
    """The commit of this checkout, and whether tracked files differ from it; none if ``ROOT`` is not a checkout's top.

    A copy without a repository of its own may lie in somebody else's, whose commit says nothing about it.
    """
    try:
        top = _git("rev-parse", "--show-toplevel").removesuffix("\n")
        if not Path(top).samefile(ROOT):
            return None, False
        head = _git("rev-parse", "HEAD").strip()
        return head, bool(_git("status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.CalledProcessError):
        return None, False


def _gpu() -> str | None:
    """The name of the GPU that a process of ours computes on; None without one, and unless the driver tells."""
    try:
        return next(iter(gpu_names()), None)
    except MachineError:
        return None


def _compute_capabilities() -> list[float]:
    """Of each visible GPU; a driver too old to tell leaves it to the framework."""
    try:
        return [float(text) for (text,) in nvidia.visible_gpus("compute_cap")]
    except nvidia.FailedError:
        return []


def _git(*arguments: str) -> str:
    """Ask git about ``ROOT``, whatever repository the user's variables name; it writes nothing."""
    # GIT_CONFIG_*: may say which folders to trust.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    return subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        env={**own, "GIT_OPTIONAL_LOCKS": "0"},
        capture_output=True,
        encoding=sys.getfilesystemencoding(),
        errors="surrogateescape",
        check=True,
    ).stdout

"""Read the name of a device: CPU or GPU, the precision of its matrix products, and workers that share a training."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from lstmbench.system import nvidia
from lstmbench.system.hardware import gpu_names
from lstmbench.utils.errors import MachineError, UsageError
from lstmbench.utils.validation import require_known

DEVICES = ("auto", "cpu", "gpu")

PRECISIONS = ("float32", "tf32", "bfloat16")
"""How matrix products are computed; weights, loss, gradients and updates stay float32.

float32: in full; tf32: operands rounded to 10 bits of mantissa, on a GPU's tensor cores; bfloat16: operands rounded to
7 bits, and where a framework's own LSTM layer does the work, its gates and states too.  Other than float32 it is part
of a device's name, as in gpu-tf32: it is no fair comparison with a device that computes in full.
"""


_DEVICE = re.compile(
    r"(?P<kind>[^-]*)(-(?P<precision>.*?))??(-t(?P<threads>\d+))?(-x(?P<workers>\d+))?", re.ASCII | re.DOTALL
)

MIN_COMPUTE_CAPABILITY = 8.0
"""Of an NVIDIA GPU with TF32 and bfloat16 (Ampere; CUDA C++ Programming Guide, table of arithmetic instructions)."""


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


def require_precision(device: str, precision: str) -> None:
    """Refuse a precision that the device would have to emulate; oneDNN's LSTM refuses bfloat16 on most CPUs.

    Raises:
        MachineError: what it lacks.
    """
    if precision == "float32":
        return
    if device != "gpu":
        raise MachineError(f"precision {precision}: only a GPU computes in it here; choose precisions: [float32]")
    weak = [value for value in _compute_capabilities() if value < MIN_COMPUTE_CAPABILITY]
    if weak:
        raise MachineError(
            f"precision {precision}: expected a GPU of compute capability {MIN_COMPUTE_CAPABILITY} or higher, "
            f"found {weak[0]}; choose precisions: [float32]"
        )


def _compute_capabilities() -> list[float]:
    """Of each visible GPU; a driver too old to tell leaves it to the framework."""
    try:
        return [float(text) for (text,) in nvidia.visible_gpus("compute_cap")]
    except nvidia.FailedError:
        return []

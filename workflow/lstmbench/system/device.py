"""Parse the name of a device: CPU or GPU, the precision of its matrix products, threads, and workers of a training."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from lstmbench.system import nvidia
from lstmbench.system.hardware import gpu_names
from lstmbench.system.processor import BFLOAT16, processor
from lstmbench.utils.errors import MachineError, UsageError
from lstmbench.utils.validation import require_known

DEVICES = ("auto", "cpu", "gpu")

PRECISIONS = ("float32", "tf32", "bfloat16")
"""How matrix products are computed; weights, loss, gradients and updates remain float32.

float32   Full precision.
tf32      Operands are rounded to 10 bits of mantissa, on a GPU's tensor cores.
bfloat16  Operands are rounded to 7 bits; in a framework's own LSTM layer, so are gates and states.  Also on a CPU that
          has instructions for it.

A precision other than float32 is part of a device's name, as in gpu-tf32, because a comparison with full precision
would not be fair.
"""


_DEVICE = re.compile(
    r"(?P<kind>[^-]*)(-(?P<precision>.*?))??(-t(?P<threads>\d+))?(-x(?P<workers>\d+))?", re.ASCII | re.DOTALL
)

MIN_COMPUTE_CAPABILITY = 8.0
"""NVIDIA GPUs with TF32 and bfloat16 have this compute capability or more (Ampere; CUDA C++ Programming Guide, table of
arithmetic instructions)."""


class Device(NamedTuple):
    """The parts of a device's name: cpu or gpu, the precision of its matrix products, and the workers of a training.

    ``threads`` is the number per worker if runs with several numbers are compared.  Otherwise it is None, and only the
    record holds the number.
    """

    kind: str
    precision: str
    workers: int
    threads: int | None

    @property
    def name(self) -> str:
        """The name in paths and tables, without default parts: cpu, gpu-tf32, cpu-x2, cpu-t4."""
        precision = [] if self.precision == PRECISIONS[0] else [self.precision]
        threads = [] if self.threads is None else [f"t{self.threads}"]
        workers = [] if self.workers == 1 else [f"x{self.workers}"]
        return "-".join([self.kind, *precision, *threads, *workers])


def resolve_device(wanted: str) -> str:
    """Return the device's name for ``wanted``: auto, cpu or gpu, then precision, threads and workers with hyphens.

    The learner decides whether its framework can use the GPU.

    Raises:
        UsageError: the device or the precision is unknown, or there are 0 threads or workers.
        MachineError: ``wanted`` is auto, and the driver hangs.
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
    """Return whether ``auto`` means the GPU; no framework can use a GPU whose driver fails."""
    try:
        return bool(gpu_names())
    except nvidia.FailedError as error:
        print(f"device auto takes the CPU: {error}", file=sys.stderr)
        return False


def split_device(name: str) -> Device:
    """Split a device's name: gpu-tf32 is ("gpu", "tf32", 1, None), cpu-t4-x2 is ("cpu", "float32", 2, 4)."""
    parts = _DEVICE.fullmatch(name)
    assert parts is not None  # every part but the first is optional, and the first can be empty
    threads = None if parts["threads"] is None else int(parts["threads"])
    return Device(parts["kind"], parts["precision"] or PRECISIONS[0], int(parts["workers"] or 1), threads)


def require_threads(device: str, threads: int) -> None:
    """Refuse a number of threads that differs from the device's name.

    Raises:
        UsageError: the two numbers differ.
    """
    expected = split_device(device).threads
    if expected not in (None, threads):
        raise UsageError(f"device {device}: expected --threads {expected}, found {threads}")


def require_precision(device: str, precision: str) -> None:
    """Refuse a precision that the device would have to emulate: a CPU computes in bfloat16 if it multiplies in that.

    Raises:
        MachineError: the device lacks the precision.
    """
    if precision == "float32":
        return
    if device != "gpu":
        _require_of_cpu(precision)
        return
    weak = [value for value in _compute_capabilities() if value < MIN_COMPUTE_CAPABILITY]
    if weak:
        raise MachineError(
            f"precision {precision}: expected a GPU of compute capability {MIN_COMPUTE_CAPABILITY} or higher, "
            f"found {weak[0]}; choose precisions: [float32]"
        )


def _require_of_cpu(precision: str) -> None:
    if precision != "bfloat16":
        raise MachineError(f"precision {precision}: only a GPU computes in it; choose precisions: [float32]")
    if processor().bfloat16 is None:
        raise MachineError(
            f"precision {precision}: expected a processor with {' or '.join(BFLOAT16)} (an Intel Xeon or AMD EPYC "
            "from about 2023 on), found one without; choose precisions: [float32]"
        )


def _compute_capabilities() -> list[float]:
    """Return that of each visible GPU; if the driver is too old to report it, the framework must decide."""
    try:
        return [float(text) for (text,) in nvidia.visible_gpus("compute_cap")]
    except nvidia.FailedError:
        return []

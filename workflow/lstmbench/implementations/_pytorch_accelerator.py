"""Find the GPU that PyTorch computes on, and name it with its back end.

Only NVIDIA GPUs (``cuda``) were ever run by this project.  AMD's (``rocm``) and Apple's (``mps``) are taken if a user
asks for a GPU; the certificate of the machine says whether they compute right.
"""

from __future__ import annotations

import platform

import torch

from lstmbench.utils.errors import MachineError

BACK_ENDS = {"cuda": "cuda", "rocm": "cuda", "mps": "mps"}
"""Back end -> what PyTorch calls its devices."""

PRECISIONS = {
    "cuda": ("float32", "tf32", "bfloat16", "float64"),
    "rocm": ("float32", "float64"),
    "mps": ("float32",),
}
"""What a run may ask of a back end; Metal has no float64, in which tests compute."""


def back_end() -> str | None:
    """Return the back end of PyTorch's GPU here, which may be none of ``BACK_ENDS``; None: PyTorch finds no GPU."""
    if torch.cuda.is_available():
        return "rocm" if torch.version.hip else "cuda"
    found = torch.accelerator.current_accelerator(check_available=True)
    return None if found is None else found.type


def require(precision: str) -> str:
    """Return the back end of a GPU that computes in ``precision``.

    Raises:
        MachineError: there is no GPU, or its back end is unknown or lacks the precision.
    """
    found = back_end()
    if found is None:
        raise MachineError(
            "device gpu was asked for, but PyTorch finds no usable CUDA device on this machine, and no other"
        )
    if found not in BACK_ENDS:
        raise MachineError(
            f"device gpu: expected PyTorch's back end to be one of {', '.join(BACK_ENDS)}, found {found}; "
            "choose device: cpu"
        )
    if precision not in PRECISIONS[found]:
        raise MachineError(
            f"precision {precision}: expected {' or '.join(PRECISIONS[found])} with PyTorch's back end {found}; "
            "choose precisions: [float32]"
        )
    return found


def name(found: str) -> str | None:
    """Return the name of the GPU with its back end; None for NVIDIA's, which its driver names."""
    if found == "cuda":
        return None
    model = torch.backends.mps.get_name() if found == "mps" else torch.cuda.get_device_name()
    return f"{model} ({found})"


def versions() -> dict[str, str]:
    """Return the versions that results on the GPU depend on; empty without one."""
    found = back_end()
    if found == "mps":
        return {"mps": f"macOS {platform.mac_ver()[0]}"}
    return {"rocm": torch.version.hip} if found == "rocm" else {}


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak memory on a GPU in bytes; None on a CPU.

    Metal counts no peak, so it is what PyTorch holds of it, which it does not return while a process runs.
    """
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else None


def hides_kernels() -> bool:
    """Return whether this process computes on a GPU whose kernels the profiler does not show."""
    return back_end() == "mps" and torch.mps.current_allocated_memory() > 0

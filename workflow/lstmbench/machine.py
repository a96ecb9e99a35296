"""The hardware and software a number was measured on."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

from lstmbench.errors import UsageError

DEVICES = ("auto", "cpu", "gpu")


def describe() -> dict[str, Any]:
    """Processor, memory (bytes), GPU, operating system and Python; no host or user name."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": next(iter(gpu_names()), None),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def gpu_names() -> list[str]:
    """The NVIDIA GPUs of this machine, asked of the driver, so that no framework need be imported."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def resolve_device(wanted: str) -> str:
    """``cpu`` or ``gpu`` for ``auto | cpu | gpu``; whether a framework can use the GPU is the learner's to say.

    Raises:
        UsageError: an unknown device.
    """
    if wanted not in DEVICES:
        raise UsageError(f"unknown device {wanted!r}; known devices: {', '.join(DEVICES)}")
    if wanted == "auto":
        return "gpu" if gpu_names() else "cpu"
    return wanted


def peak_rss_bytes() -> int:
    """The most memory this process has had resident, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024  # Linux counts KiB


def commit() -> tuple[str | None, bool]:
    """The commit of the checkout this package stands in, and whether tracked files differ from it."""
    here = Path(__file__).parent
    try:
        head = _git(here, "rev-parse", "HEAD").strip()
        return head, bool(_git(here, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.CalledProcessError):
        return None, False


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())

"""Decide which differences between two machines count, field by field.

Some fields of a machine's description can affect a result or a speed.  If two machines differ in one of them, they are
different machines: a checkpoint of one is not used on the other, and their seeds are not averaged.  All other fields
are recorded; differences in them are noted, but nothing is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from lstmbench.system.device import split_device
from lstmbench.system.machine import Machine
from lstmbench.system.processor import ARCHITECTURES, UNKNOWN
from lstmbench.system.switches import counting

_BARE = re.compile(r"(aarch64|arm64|armv\d.*|x86_64|amd64)?", re.IGNORECASE)
"""Version 1 recorded only the architecture of a processor without a name."""


class Field(NamedTuple):
    """``counts`` returns the part of a value that counts; None: the field does not count.  ``why``: the reason."""

    counts: Callable[[Any], Any] | None
    why: str


def _system(text: str) -> str:
    """Return "Linux aarch64" for "Linux 6.1.0-13 arm64"; macOS keeps its release."""
    name, *release, architecture = text.split() or ["", ""]
    kept = release if name == "Darwin" else []
    return " ".join([name, *kept, ARCHITECTURES.get(architecture, architecture)])


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


FIELDS: dict[str, Field] = {
    "cpu": Field(lambda value: value, "libraries choose kernels and block sizes by the model; it sets the speed"),
    "capability": Field(lambda value: value, "libraries choose kernels by it, and these add up in another order"),
    "bfloat16": Field(lambda value: value, "how it multiplies in bfloat16; counts for runs in that on a CPU only"),
    "gpu": Field(lambda value: value, "a GPU's kernels and speed; counts for runs on a GPU only"),
    "os": Field(_system, "each system has its own libraries, and macOS its own BLAS; a Linux kernel computes nothing"),
    "libc": Field(lambda value: value, "exp, log and tanh come from it, and their last bits have changed"),
    "python": Field(_minor, "minor versions differ in speed; a patch changes neither a bit nor a speed"),
    "switches": Field(counting, "libraries compute otherwise by them, unless they only say what is printed"),
    "cores": Field(None, "the number of threads is set, and more cores change nothing; fewer than threads are refused"),
    "cpu_quota": Field(None, "no bit; a quota that bites shows in the throttled periods beside each speed"),
    "memory_bytes": Field(None, "a run that fits computes the same; the kernel's own share differs at every boot"),
    "node": Field(None, "nodes that are alike are one machine"),
    "spin_limits": Field(None, "how soon a waiting thread sleeps changes no bit; we set it, and only for training"),
}


def machine_fingerprint(machine: Machine, device: str) -> dict[str, Any]:
    """Return the part of a description that counts for a run on ``device``, such as cpu or gpu-tf32.

    If the processor has no name, cores, memory and the full name of the system count too, so that two unknown
    processors are treated as different if anything distinguishes them.
    """
    unnamed, where = is_unknown(machine.cpu), split_device(device)
    ignored = {"gpu"} if where.kind == "cpu" else set()
    if (where.kind, where.precision) != ("cpu", "bfloat16"):
        ignored.add("bfloat16")
    found: dict[str, object] = {}
    for name, value in msgspec.structs.asdict(machine).items():
        counts = FIELDS[name].counts
        if unnamed and name in ("cores", "memory_bytes", "os"):
            counts = _same
        if value is not None and counts is not None and name not in ignored:
            found[name] = counts(value)
    return found


def is_unknown(cpu: str) -> bool:
    """Return whether ``cpu`` denotes a processor that the system did not name."""
    return cpu.startswith(UNKNOWN) or _BARE.fullmatch(cpu) is not None


def noted(machine: Machine, device: str) -> dict[str, Any]:
    """Return the part that ``machine_fingerprint`` leaves out; differences in it are noted, but nothing is refused."""
    fingerprint, found = machine_fingerprint(machine, device), {}
    for name, value in msgspec.structs.asdict(machine).items():
        counted = fingerprint.get(name)
        if isinstance(value, Mapping):
            found[name] = {key: one for key, one in value.items() if key not in (counted or {})}
        elif counted != value:
            found[name] = value
    return found


def _same(value: Any) -> Any:
    return value

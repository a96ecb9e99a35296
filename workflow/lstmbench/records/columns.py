"""Columns that tables of runs and of measurements share: the machine of a record, and the versions of its libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lstmbench.system.identity import is_unknown, machine_fingerprint
from lstmbench.system.machine import Machine
from lstmbench.system.processor import UNKNOWN
from lstmbench.utils.files import hash_json

MACHINE = ["cpu", "cores", "cpu_quota", "memory_gb", "gpu", "os", "libc", "python", "switches", "spin_limits"]
"""Columns that describe the machine of a record.  Machines that differ in some can count as one (``identity``)."""


def machine_columns(machine: Machine) -> dict[str, Any]:
    """Return the values of ``MACHINE``."""
    cpu, capability = machine.cpu, machine.capability
    if is_unknown(cpu) and not cpu.startswith(UNKNOWN):  # the first records had the architecture as the name
        cpu = f"{UNKNOWN} ({cpu})"
    return {
        "cpu": f"{cpu}, {capability}" if capability else cpu,
        "cores": machine.cores,
        "cpu_quota": machine.cpu_quota,
        # Whole GB, because the kernel's own share differs by a few MB between boots of one machine.
        "memory_gb": round(machine.memory_bytes / 1e9),
        "gpu": machine.gpu,
        "os": machine.os,
        "libc": machine.libc,
        "python": machine.python,
        "switches": _variables(machine.switches),
        "spin_limits": _variables(machine.spin_limits),
    }


def kind_columns(machine: Machine, device: str) -> dict[str, str]:
    """Return what counts of a machine for runs on ``device``.

    machine_kind: a name of what counts in every precision, the same for identical machines.  bfloat16: how a CPU
    multiplied in that; empty in another precision.
    """
    counted = machine_fingerprint(machine, device)
    how = counted.pop("bfloat16", "")
    return {"machine_kind": hash_json(counted)[:16], "bfloat16": how}


def _variables(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))


def versions_column(versions: dict[str, str]) -> str:
    """Return libraries and their versions as one text."""
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))

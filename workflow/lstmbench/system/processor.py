"""Find the name of the processor, and the instruction sets by which libraries choose their kernels.

A value that the system does not report is None; it is never guessed.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lstmbench.system import linux

X86 = ("avx512f", "avx2", "avx", "sse4_2")
"""The most capable one is first.  A processor with one of these has all later ones, so only the first is recorded."""

ARM = {
    "sme2": "FEAT_SME2",
    "sme": "FEAT_SME",
    "sve2": "FEAT_SVE2",
    "sve": "FEAT_SVE",
    "bf16": "FEAT_BF16",
    "i8mm": "FEAT_I8MM",
    "asimddp": "FEAT_DotProd",
    "asimdhp": "FEAT_FP16",
    "asimd": "AdvSIMD",
}
"""Linux's name -> that of macOS.  None of them implies another, so all are recorded."""

MACOS_11 = {"neon_fp16": "FEAT_FP16", "neon": "AdvSIMD", "arm64": "AdvSIMD"}
"""Name on macOS 11 -> later name; every 64-bit ARM processor has Advanced SIMD."""

BFLOAT16 = {"amx_bf16": "amx", "avx512_bf16": "avx512"}
"""Feature of an x86 processor that multiplies in bfloat16 -> how records name it, the faster first.  A library uses the
first that is there, and each adds up in another order."""

UNKNOWN = "unknown"
"""The beginning of a processor's name if the system does not name it."""

ARCHITECTURES = {"arm64": "aarch64", "amd64": "x86_64", "x64": "x86_64", "AMD64": "x86_64"}
"""System's name of an architecture -> the name that records use."""

CPUINFO = linux.PROC / "cpuinfo"

PATIENCE_SECONDS = 10.0
"""The time after which a tool is taken to have no answer."""

_NO_NAME = re.compile(r"-?|ARMv\d.*", re.DOTALL)
"""lscpu writes a hyphen for no name; "ARMv7 Processor rev 3 (v7l)" is the architecture of dozens of processors."""


class Processor(NamedTuple):
    """Describe a processor.

    name: the vendor's, with family and model if it has no number, as in a virtual machine; of an unnamed ARM processor
    the numbers of its parts.  capability: of ``ARM`` or ``X86``.  bfloat16: the instructions for it, if any.
    """

    name: str | None
    capability: str | None
    bfloat16: str | None = None


def processor() -> Processor:
    """Ask the system for the processor's name and capability."""
    if platform.system() == "Darwin":
        return from_sysctl(_answer(["sysctl", "machdep.cpu", "hw.optional"]))
    cpuinfo = linux.read(CPUINFO) or ""
    named = _names(_pairs(cpuinfo), "model name")  # as on x86
    return from_linux(cpuinfo, "" if named else _answer(["lscpu", "-J"]))


def vendor() -> str | None:
    """Return the maker of an x86 processor by its instruction CPUID, e.g. GenuineIntel; Linux alone shows it."""
    return dict(_pairs(linux.read(CPUINFO) or "")).get("vendor_id")


def from_linux(cpuinfo: str, lscpu: str) -> Processor:
    """Read /proc/cpuinfo and the output of ``lscpu -J``; either may be empty."""
    shown, listed = _pairs(cpuinfo), list(_fields(lscpu))
    name = _numbered(_names(shown, "model name"), shown) or _names(listed, "Model name") or _parts(shown)
    every = [value.split() for key, value in [*shown, *listed] if key in ("flags", "Features", "Flags")]
    flags = set.intersection(*map(set, every)) if every else set()
    return Processor(name, _capability(flags), next((how for flag, how in BFLOAT16.items() if flag in flags), None))


def from_sysctl(text: str) -> Processor:
    """Read the output of ``sysctl machdep.cpu hw.optional``, of an ARM or an Intel processor."""
    values = dict(_pairs(text))
    have = {name.rpartition(".")[2] for name, value in values.items() if value not in ("", "0")}
    have |= {MACOS_11[name] for name in have & set(MACOS_11)}
    if any(name.startswith("FEAT_") for name in have):
        have.add("AdvSIMD")
    intel = " ".join(value for name, value in values.items() if name.endswith("features")).lower()
    flags = {flag.replace("avx1.0", "avx").replace(".", "_") for flag in intel.split()}
    flags |= {name for name, theirs in ARM.items() if theirs in have}
    return Processor(_names(list(values.items()), "machdep.cpu.brand_string"), _capability(flags))


def _capability(flags: set[str]) -> str | None:
    best = [name for name in X86 if name in flags][:1]
    return "-".join(best or [name for name in ARM if name in flags]) or None


def _names(pairs: Sequence[tuple[str, str]], key: str) -> str | None:
    """Return all names under ``key``; there are several if the kinds of cores differ."""
    found = dict.fromkeys(value for name, value in pairs if name == key and not _NO_NAME.fullmatch(value))
    return " + ".join(found) or None


def _numbered(name: str | None, cpuinfo: Sequence[tuple[str, str]]) -> str | None:
    """Add family and model to a name without a number, such as "AMD EPYC", which stands for processors of all ages."""
    numbers = dict(cpuinfo)
    if name is None or re.search(r"\d", name) or not {"cpu family", "model"} <= {*numbers}:
        return name
    return f"{name} (family {numbers['cpu family']}, model {numbers['model']})"


def _parts(cpuinfo: Sequence[tuple[str, str]]) -> str | None:
    """Return implementer and part number of each kind of core; a virtual machine that hides them reports 0x000."""
    maker = ""
    found: dict[str, None] = {}
    for name, value in cpuinfo:
        if name == "CPU implementer":
            maker = value
        elif name == "CPU part" and value.strip("0x"):
            found[f"{maker}/{value}"] = None
    return f"part {' + '.join(found)}" if found else None


def _pairs(text: str) -> list[tuple[str, str]]:
    """Parse lines of ``name: value``."""
    split = (line.partition(":") for line in text.splitlines())
    return [(name.strip(), value.strip()) for name, colon, value in split if colon]


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values from ``lscpu -J``, nested (util-linux 2.37 and later) or not."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return
    yield from _walk(parsed.get("lscpu") if isinstance(parsed, dict) else None)


def _walk(rows: Any) -> Iterator[tuple[str, str]]:
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("field"), str):
            if isinstance(row.get("data"), str):
                yield row["field"].removesuffix(":"), row["data"].strip()
            yield from _walk(row.get("children"))


def _answer(command: list[str]) -> str:
    """Return the output of a system tool; empty if the tool is missing, hangs or cannot be started."""
    english = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, env=english, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", errors="replace")

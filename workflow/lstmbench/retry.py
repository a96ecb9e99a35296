"""Which runs the next workflow tries again: those that failed.

The Snakefile calls this, so nothing is imported here that Snakemake's own environment might lack.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

ASIDE = "failed.json"
"""Beside where run.json is to be: why the run failed the last time."""

_RUNS = "*/*/*/*/*"


def put_failures_aside(runs: Path) -> None:
    """Rename the records below ``runs`` that say why their run failed (``failure``), so that the runs are missing."""
    for path in runs.glob(f"{_RUNS}/run.json"):
        if b'"failure"' in path.read_bytes():
            path.replace(path.with_name(ASIDE))


def failures_aside(runs: Path) -> str:
    """A hash of all that were ever put aside; another one means that a run is to be tried again.

    Snakemake makes a missing file anew only for a rule that has another reason to run: this one.
    """
    names = sorted(f"{path}@{path.stat().st_mtime_ns}" for path in runs.glob(f"{_RUNS}/{ASIDE}"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()

"""Which runs the next workflow tries again: those that failed.

A failure is kept twice: where the result would be, and beside it, where no later success removes it.  A hash of the
second is a parameter of the rule.  It changes with every failure and with nothing else, so that Snakemake plans what
failed again, and nothing need be renamed for it.  The Snakefile calls this: import nothing that its Python might lack.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FAILED = "failed.json"
"""Beside run.json: why the run failed the last time."""


def failed_sample(calibration: Path) -> Path:
    """Return where it is kept why a calibration failed the last time."""
    return calibration.with_suffix(".failed.json")


def last_failure(path: Path) -> str:
    """Return a word that tells this failure from others, or "" if there has been none."""
    try:
        return f"failed {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    except FileNotFoundError:
        return ""

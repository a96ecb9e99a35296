"""Make the next workflow repeat the runs that failed.

A failure is written twice: in place of the result, and to a second file in the same folder, which no later success
removes.  The hash of the second file is a parameter of the rule.  It changes with every failure and with nothing else,
so that Snakemake repeats what failed and no file needs to be renamed.  The Snakefile imports this module, so it must
import nothing that Snakemake's Python may lack.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FAILED = "failed.json"
"""A file in the folder of run.json that says why the run last failed."""


def failed_sample(calibration: Path) -> Path:
    """Return the path of the file that says why a calibration last failed."""
    return calibration.with_suffix(".failed.json")


def last_failure(path: Path) -> str:
    """Return a text that identifies the last failure, or "" if there has been none."""
    try:
        return f"failed {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    except FileNotFoundError:
        return ""

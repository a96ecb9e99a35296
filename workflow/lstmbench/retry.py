"""Which runs the next workflow tries again: those that failed.

The Snakefile calls this, so nothing is imported here that Snakemake's own environment might lack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def failed_records(runs: Path) -> Iterator[Path]:
    """The records below ``runs`` that say why their run failed (``failure``)."""
    for path in runs.glob("*/*/*/*/*/run.json"):
        if b'"failure"' in path.read_bytes():
            yield path


def outdate_failed(runs: Path) -> None:
    """Make the records of failed runs older than any input: Snakemake then makes them again."""
    for path in failed_records(runs):
        os.utime(path, (0, 0))

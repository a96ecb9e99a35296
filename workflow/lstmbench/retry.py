"""Which runs the next workflow tries again: those that failed.

The Snakefile calls this, so nothing is imported here that Snakemake's own environment might lack.
"""

from __future__ import annotations

from pathlib import Path

ASIDE = "failed.json"


def put_failures_aside(runs: Path) -> None:
    """Rename the records below ``runs`` that say why their run failed (``failure``): Snakemake misses them then.

    Older ones than their inputs would not do: Snakemake goes by the inputs' content.
    """
    for path in runs.glob("*/*/*/*/*/run.json"):
        if b'"failure"' in path.read_bytes():
            path.replace(path.with_name(ASIDE))

"""The bundles of the reference machines, which README and docs/benchmark.md quote."""

from __future__ import annotations

from pathlib import Path

from lstmbench.bundle import read_bundle

ROOT = Path(__file__).resolve().parents[2]
MACHINES = {path.stem: read_bundle(path) for path in sorted((ROOT / "results/reference").glob("*.zip"))}
REFERENCE = MACHINES["amd-epyc-2-cores"]

"""The bundle of the reference machine that README and docs/benchmark.md quote."""

from __future__ import annotations

from pathlib import Path

from lstmbench.bundle import read_bundle

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = read_bundle(ROOT / "results/reference/amd-epyc-2-cores.zip")

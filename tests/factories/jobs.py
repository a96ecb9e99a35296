"""Make the jobs of the shipped configuration."""

from __future__ import annotations

from pathlib import Path

import yaml

from lstmbench.orchestration.config import checked
from lstmbench.orchestration.estimate import Job
from lstmbench.utils.paths import ROOT

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
GFLOPS = 50e9
NOWHERE = Path("no such folder")


def chosen(**changes):
    """The shipped configuration on a CPU, with ``changes``."""
    return checked({**SHIPPED, "device": "cpu", **changes})


def jobs_of(selection):
    """Every job of a selection that takes long, and one that does not."""
    runs = [
        Job("train", {"dataset": dataset, "size": size, "implementation": name, "device": device, "seed": str(seed)}, 2)
        for dataset in selection.datasets
        for size in selection.sizes
        for name, device in selection.cases
        for seed in (1, 2, 3)
    ]
    measured = [
        Job("measure", {"dataset": dataset, "size": size, "device": "cpu"}, 2)
        for dataset in selection.datasets
        for size in selection.speed.sizes
    ]
    return [*runs, *measured, Job("report", {}, 1)]

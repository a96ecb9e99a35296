"""Certificates of parity that ``certify`` could have written, for tests of everything that reads them."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lstmbench.parity.certificate import TASKS
from lstmbench.records.certificate import COLUMNS
from lstmbench.records.tables import write_table
from lstmbench.system.device import split_device

TOLERANCES = {"loss": 5e-6, "gradient": 1e-5, "evaluation": 5e-6}


def make_certificate(implementation: str = "pytorch", device: str = "gpu", failure: str = "") -> pd.DataFrame:
    """Build a certificate whose every deviation is 1e-6, without tolerances unless in float32, or one that failed."""
    name = {"implementation": implementation, "device": device, "failure": failure}
    known = split_device(device).precision == "float32"
    rows = [
        {**name, "task": task, "what": what, "deviation": 1e-6, "tolerance": tolerance if known else math.nan}
        for task in TASKS
        for what, tolerance in TOLERANCES.items()
    ]
    versions = "numpy 2.4.6, torch 2.13.0"
    if failure:
        rows, versions = [{**name, "task": "", "what": ""}], ""
    return pd.DataFrame(rows, columns=COLUMNS).assign(versions=versions)


def save_certificate(results: Path, certificate: pd.DataFrame) -> Path:
    """Write a certificate where the workflow does; its path."""
    implementation, device = certificate[["implementation", "device"]].iloc[0]
    path = results / "parity" / implementation / f"{device}.csv"
    write_table(path, certificate)
    return path

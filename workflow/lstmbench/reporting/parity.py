"""Show the certificates of parity as text: a row per implementation and device, a column per comparison."""

from __future__ import annotations

import pandas as pd

from lstmbench.analysis import parity
from lstmbench.reporting.cells import ABSENT

TITLE = "Parity with the NumPy reference"

NOTE = (
    "The largest relative error against the NumPy reference in float64, of a small language model and a small "
    "classifier, computed on this machine for this page. Loss, gradient and state: of one step. Evaluation: of its "
    "summed losses, and of the state that it ends with. The last two: of the loss of each of 20 steps whose gradients "
    "are all clipped. Tolerances are those of the contract tests: "
)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``certify`` as text; ``table`` holds those of every certificate."""
    kinds = list(dict.fromkeys(table.loc[table["failure"] == "", "what"]))
    rows = []
    for (implementation, device), own in table.groupby(["implementation", "device"], sort=True):
        worst = parity.largest_deviations(own)
        row = {"implementation": implementation, "device": device}
        row |= {kind: f"{worst[kind]:.1e}" if kind in worst else ABSENT for kind in kinds}
        rows.append(row | {"verdict": str(parity.verdict(own))})
    return pd.DataFrame(rows)


def note(table: pd.DataFrame) -> str:
    """Return what the columns are, and the tolerances of the devices in the table."""
    tolerances = table.dropna(subset=["tolerance"])
    parts = []
    for device, own in tolerances.groupby("device", sort=True):
        kinds = own.groupby("what", sort=False)["tolerance"].unique()
        each = (f"{what} {' or '.join(f'{value:.2g}' for value in sorted(values))}" for what, values in kinds.items())
        parts.append(f"{device}: {', '.join(each)}")
    return NOTE + ("; ".join(parts) or "none") + "."

"""Certify an implementation: measure how far it deviates from the NumPy reference, with two small models, here.

The contract tests prove the code; a certificate shows the same for the installation on this machine.  It compares one
step's loss, gradients and state, an evaluation, and 20 steps each of SGD and Adam with active gradient clipping.  For
each it holds the largest relative error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from lstmbench import implementations
from lstmbench.models.learner import Learner, ModelSpec
from lstmbench.parity import comparison
from lstmbench.records.certificate import COLUMNS
from lstmbench.records.columns import versions_column
from lstmbench.records.tables import write_table
from lstmbench.system.device import require_precision, split_device
from lstmbench.utils.errors import MachineError
from lstmbench.utils.exit_codes import is_outcome, reason

TASKS = {"language_model": comparison.LANGUAGE_MODEL, "classifier": comparison.CLASSIFIER}
CLIP = 0.2
"""Smaller than the norm of every gradient of the 20 steps, so that each is clipped (see tests/helpers/checks.py)."""

STATE_OF_EVALUATION = "state of evaluation"
"""The comparison of the state that an evaluation ends with; that of its summed losses is called evaluation."""


def certify(implementation: str, device: str, threads: int) -> pd.DataFrame:
    """Return one row per model and comparison, or one row with the reason if the implementation cannot run here.

    The column ``tolerance`` holds the tolerance of the contract tests.
    """
    name = {"implementation": implementation, "device": device}
    where, precision, *_ = split_device(device)
    try:
        require_precision(where, precision)
        module = implementations.load(implementation)
        module.configure(threads)

        def build(spec: ModelSpec, dtype: str = precision, seed: int = 0) -> Learner:
            learner: Learner = module.Learner(spec, where, seed, dtype)
            return learner

        rows = [
            {**name, "task": task, "what": what, "deviation": deviation, "tolerance": allowed, "failure": ""}
            for task, spec in TASKS.items()
            for what, deviation, allowed in _deviations(build, spec, precision)
        ]
        return pd.DataFrame(rows, columns=COLUMNS).assign(versions=versions_column(module.versions()))
    except MachineError as error:
        return _not_certified(implementation, device, str(error))


def write_failed_certificate(exit_code: int, log: Path, implementation: str, device: str, output: Path) -> bool:
    """Write a certificate that says why an implementation cannot run here; return False if it failed otherwise."""
    if not is_outcome(exit_code):
        return False
    write_table(output, _not_certified(implementation, device, reason(exit_code, log)))
    return True


def _not_certified(implementation: str, device: str, why: str) -> pd.DataFrame:
    """Return a table of one row with the reason."""
    row = {"implementation": implementation, "device": device, "task": "", "what": "", "versions": "", "failure": why}
    return pd.DataFrame([row], columns=COLUMNS)


def _deviations(build: comparison.Build, spec: ModelSpec, precision: str) -> Iterator[tuple[str, float, float]]:
    """Yield, per kind of comparison, the error that is largest relative to its tolerance, and the tolerance."""
    clipped = dataclasses.replace(spec, max_grad_norm=CLIP)
    adam = dataclasses.replace(clipped, optimizer="adam")
    for kind, compared in (
        ("", comparison.one_step(build, spec, precision)),
        ("evaluation", comparison.evaluation(build, spec, precision)),
        ("20 steps of SGD with a clip", comparison.twenty_steps(build, clipped, precision, learning_rate=1.0)),
        ("20 steps of Adam with a clip", comparison.twenty_steps(build, adam, precision, learning_rate=0.01)),
    ):
        worst: dict[str, tuple[float, float]] = {}
        for what, found, expected in compared:
            if what == "correct predictions":
                continue  # whole numbers, which a table of relative errors cannot show
            part = _part(kind, what)
            now = comparison.relative_error(found, expected), comparison.tolerance(what, precision)
            worst[part] = max(worst.get(part, now), now, key=lambda pair: pair[0] / pair[1])
        yield from ((part, *values) for part, values in worst.items())


def _part(kind: str, what: str) -> str:
    """Return the name of the row of a certificate that a comparison of this kind belongs to."""
    if kind:
        return STATE_OF_EVALUATION if "state" in what else kind
    return next((name for name in ("gradient", "state") if name in what), what)

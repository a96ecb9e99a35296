"""Verify a recorded run: repeat its first updates from the record alone, and compare their losses.

The record holds the hashes of the data and of the initial weights, the settings, and the losses of the first updates.
Losses are identical only on the same kind of CPU with the same libraries and threads; the output names what differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec.structs import fields, replace

from lstmbench import tasks
from lstmbench.datasets import load_dataset
from lstmbench.models.schedule import learning_rate_at
from lstmbench.models.weights import initial_weights
from lstmbench.records.run import read_record
from lstmbench.records.run_record import FailedRun
from lstmbench.system import hardware
from lstmbench.system.identity import machine_fingerprint, noted
from lstmbench.system.machine import Machine
from lstmbench.training.checkpoint import differences
from lstmbench.training.session import Execution, built_session
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_arrays

TOLERANCE = 1e-4
"""Relative tolerance of each loss: ten times the tolerance between implementations over 20 updates (tests/contract)."""


def verify(path: Path, data: Path) -> Iterator[str]:
    """Yield the findings, one per line; ``data`` is the folder of the prepared data sets.

    What differs in machine and versions comes before the verdict, so that it is known whatever the verdict is.

    Raises:
        DataError: the record holds no losses to compare with, the data or the initial weights differ from the record's,
            or the losses differ by more than ``TOLERANCE``.
        MachineError: the framework or the device is missing.
    """
    record = read_record(path)
    if isinstance(record, FailedRun) or record.first_losses is None:
        raise DataError(f"{path}: expected first_losses to compare with, found none: run it again")
    name, settings, preset = record.run, record.settings, record.settings.preset
    dataset = load_dataset(data / name.dataset)
    _require_same(path, "data.sha256", record.data.sha256, dataset.sha256)
    spec = tasks.load(dataset.task).model_spec(preset, dataset.facts)
    weights = initial_weights(spec, preset, name.seed)
    described = hardware.describe()  # before a framework adds switches of its own
    _require_same(path, "initial_weights_sha256", record.initial_weights_sha256, hash_arrays(weights))
    execution = Execution(
        implementation=name.implementation, device=name.device, threads=settings.threads, seed=name.seed
    )
    with built_session(dataset, preset, weights, execution) as session:
        examples = session.task.training_examples(dataset.arrays, preset)
        order = session.task.training_order(len(examples.inputs), preset, name.seed, 1)
        expected = np.array(record.first_losses[: len(order)])
        batches = order[: len(expected)]
        state = session.learner.initial_state(preset.batch_size)
        losses, _ = session.learner.train_block(
            session.learner.place(examples), batches, state, learning_rate_at(preset, 1)
        )
        versions = {"numpy": np.__version__, **session.framework.versions()}
        there = replace(record.machine, spin_limits={})  # set for a whole training, but not here
        here = _as_much(session.described(described), there)
    sides = {"machine": machine_fingerprint(there, name.device), "versions": record.versions}
    for line in differences(sides, {"machine": machine_fingerprint(here, name.device), "versions": versions}):
        yield f"fingerprint: {line}"
    for line in differences(noted(there, name.device), noted(here, name.device), "machine"):
        yield f"noted: {line}"
    yield f"{name}: {_verdict(path, losses.astype(np.float64), expected)}"


def _as_much(machine: Machine, recorded: Machine) -> Machine:
    """Return a machine without the optional fields that a record does not have, as the first records."""
    unknown = [field for field in fields(recorded) if not field.required and not getattr(recorded, field.name)]
    return replace(machine, **{field.name: None if field.default is None else {} for field in unknown})


def _verdict(path: Path, losses: np.ndarray, expected: np.ndarray) -> str:
    if np.array_equal(losses, expected):
        return f"identical over {len(losses)} updates"
    away = np.abs(losses / expected - 1)
    first = int(np.flatnonzero(losses != expected)[0])
    worst = f"from update {first + 1} on, by {away.max():.1e} at most"
    if not away.max() <= TOLERANCE:
        raise DataError(
            f"{path}: different {worst}: expected a loss of {expected[first]:.9g}, found {losses[first]:.9g} "
            f"(tolerance {TOLERANCE:g})"
        )
    return f"within tolerance over {len(losses)} updates: different {worst}"


def _require_same(path: Path, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise DataError(f"{path}: {what}: expected {expected}, found {found}: it cannot be verified with these")

"""What every framework's workers have in common, with the NumPy reference as the framework and no other worker."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lstmbench.implementations import reference
from lstmbench.models.process_group import ProcessGroup
from lstmbench.models.worker import Worker
from lstmbench.parity import comparison
from lstmbench.utils.errors import MachineError, WorkerError

SPEC = dataclasses.replace(comparison.LANGUAGE_MODEL, max_grad_norm=0.2)
ROWS = comparison.batches(3)
BATCH = ROWS.shape[1]


class Lost(Exception):
    """What a framework raises when a worker is gone."""


class Learner(Worker, reference.Learner):
    """The other worker answers with zeros."""

    fault: Exception | None = None

    def _meet(self, device):
        self.met = device

    def _rows_of(self, state, rows):
        return [(hidden[rows], cell[rows]) for hidden, cell in state]

    def _gathered(self, state):
        return [tuple(np.concatenate([part, np.zeros_like(part)]) for part in layer) for layer in state]

    def _mean_losses(self, losses):
        return losses / 2

    def _from_main(self, value):
        if self.fault:
            raise self.fault
        return 7.0

    def _why_lost(self, error):
        return "it is silent" if isinstance(error, Lost) else None


def trained(kind, rows, monkeypatch, size):
    """Train a block; return the learner, what it found, and its split."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", str(size))
    learner = kind(SPEC, "cpu", 0, "float64")
    learner.load_weights(comparison.random_weights(SPEC))
    data = learner.place(comparison.examples(SPEC))
    return learner, *learner.train_block(data, rows, learner.initial_state(rows.shape[1]), 0.1), data


def same(found, expected):
    for pair, other in zip(found, expected, strict=True):
        for part, value in zip(pair, other, strict=True):
            np.testing.assert_array_equal(part, value)


def test_a_worker_trains_on_its_rows_and_returns_the_state_of_all(monkeypatch):
    half = BATCH // 2
    rows = ROWS[:, : 2 * half]
    learner, losses, state, _ = trained(Learner, rows, monkeypatch, 2)
    _, expected, own, _ = trained(reference.Learner, rows[:, :half], monkeypatch, 1)
    assert learner.met == "cpu"
    np.testing.assert_array_equal(losses, expected / 2)
    whole = [tuple(np.pad(part, ((0, half), (0, 0))) for part in layer) for layer in own]
    same(learner.state_arrays(state), whole)


def test_a_worker_goes_on_from_its_rows_and_evaluates_all_of_them(monkeypatch):
    rows = ROWS[:, : BATCH // 2 * 2]
    learner, _, state, data = trained(Learner, rows, monkeypatch, 2)
    sums, correct, _ = learner.eval_block(data, rows, state)
    again = learner.load_state(learner.state_arrays(state))
    np.testing.assert_array_equal(learner.eval_block(data, rows, again)[0], sums)
    assert (sums.shape, correct.shape) == ((3,), (3,))
    going_on, _ = learner.train_block(data, rows, state, 0.0)
    np.testing.assert_array_equal(learner.train_block(data, rows, again, 0.0)[0], going_on)


def test_a_worker_alone_does_what_the_framework_s_learner_does(monkeypatch):
    learner, losses, state, data = trained(Learner, ROWS, monkeypatch, 1)
    alone, expected, own, _ = trained(reference.Learner, ROWS, monkeypatch, 1)
    assert not hasattr(learner, "met")
    np.testing.assert_array_equal(losses, expected)
    same(learner.state_arrays(state), alone.state_arrays(own))
    np.testing.assert_array_equal(learner.eval_block(data, ROWS, state)[0], alone.eval_block(data, ROWS, own)[0])
    assert learner.broadcast(3.0) == 3.0


def test_the_main_worker_s_value_counts(monkeypatch):
    learner, *_ = trained(Learner, ROWS[:, : BATCH // 2 * 2], monkeypatch, 2)
    assert learner.broadcast(3.0) == 7.0


def test_a_lost_worker_is_told_with_the_rank_that_noticed_and_what_to_do(monkeypatch):
    learner, *_ = trained(Learner, ROWS[:, : BATCH // 2 * 2], monkeypatch, 2)
    learner.fault = Lost()
    with pytest.raises(WorkerError, match=r"rank 0 \(of 2 workers\) lost another: it is silent; run the same command"):
        learner.broadcast(3.0)


def test_another_error_is_not_taken_for_a_lost_worker(monkeypatch):
    learner, *_ = trained(Learner, ROWS[:, : BATCH // 2 * 2], monkeypatch, 2)
    learner.fault = ZeroDivisionError("ours")
    with pytest.raises(ZeroDivisionError, match="ours"):
        learner.broadcast(3.0)


def test_a_worker_without_a_gpu_of_its_own_is_refused():
    group = ProcessGroup(rank=3, size=4, local_rank=1)
    group.require_gpu(2)
    with pytest.raises(MachineError, match="a GPU for each worker, found 1 on this machine for the worker of rank 3"):
        group.require_gpu(1)

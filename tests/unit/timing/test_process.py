"""One process's share of a measurement, with the NumPy reference: phases apart, blocks long enough, nothing judged."""

from __future__ import annotations

import time

import pytest

from lstmbench.implementations import reference
from lstmbench.records.measurement_record import Trace
from lstmbench.system import cores
from lstmbench.timing import blocks, probes
from lstmbench.timing.details import DETAILS
from lstmbench.timing.interleaving import unled
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import MachineError, ResourceError
from tests.factories.cases import Images, Text, refuse_memory


@pytest.mark.parametrize("module", [Text, Images])
def test_blocks_take_their_least_time_and_add_up(measured, module):
    found = measured(module)
    assert len(found.blocks) == 4
    assert all(block.seconds > 0.5 * 0.02 for block in found.blocks), "a block is many steps, not one"
    assert found.steady_steps == sum(block.steps for block in found.blocks)
    assert found.phases.steady_seconds == pytest.approx(sum(block.seconds for block in found.blocks))
    assert found.load.wall_seconds >= found.phases.steady_seconds
    assert 0 <= found.load.throttled_share <= 1
    assert 0 < found.load.granted_share < 1.1
    assert found.load.reachable_cores is None or found.load.reachable_cores >= 1
    assert "details" not in plain(found)


def test_more_threads_than_cores_are_not_measured(measured, monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: 0)
    with pytest.raises(MachineError, match="threads 1: expected at most 0,"):
        measured()


def test_a_framework_without_a_probe_has_no_products_and_no_path(measured, monkeypatch):
    def missing(implementation):
        raise ModuleNotFoundError(name=f"lstmbench.timing.probes.{implementation}")

    monkeypatch.setattr(probes, "load", missing)
    found = measured(details=DETAILS)
    assert found.products == []
    assert found.details.trace == Trace(path=None, operations=[], step_seconds=None, coverage=None)


def test_the_time_between_its_turns_is_not_in_a_process_s_load(measured):
    # Its turn comes late, since others had theirs.
    more = unled(4)

    def late(seconds):
        time.sleep(0.2)
        return more(seconds)

    found = measured(more=late)
    assert len(found.blocks) == 4
    assert found.load.wall_seconds < 1.5 * found.phases.steady_seconds


def test_training_goes_on_past_the_end_of_the_epoch(measured):
    # The made-up text has 4 steps; 4 blocks and the warm-up are more.
    assert measured().steady_steps > 4


def test_a_process_names_the_gpu_that_only_its_framework_knows(measured, monkeypatch):
    monkeypatch.setattr(reference.Learner, "gpu", "Apple M2 (mps)")
    assert measured().machine.gpu == "Apple M2 (mps)"


def test_memory_that_runs_out_while_a_case_is_measured_is_told_with_what_the_model_needs(measured, monkeypatch):
    monkeypatch.setattr(blocks, "StepRunner", refuse_memory)
    with pytest.raises(ResourceError, match=r"68\.7 MiB.*the model needs at least \d+ MB"):
        measured()

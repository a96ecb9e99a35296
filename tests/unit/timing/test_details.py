"""What only the first process of a case measures: evaluation, checkpoint, loop, trace, bandwidth."""

from __future__ import annotations

import pytest

from lstmbench.records.measurement_record import Bandwidth
from lstmbench.timing.details import BANDWIDTH_ELEMENTS, DETAILS, _median_rate
from lstmbench.utils.errors import MachineError
from tests.factories.timing import LOOP, OTHER, Machine


def test_the_details_tell_evaluation_checkpoint_loop_path_and_operations(measured, probe):
    details = measured(details=DETAILS).details
    assert details.trace.path == "the loop"
    assert [operation.name for operation in details.trace.operations] == ["lstm"]
    assert details.trace.step_seconds > 0
    assert details.checkpoint.bytes > 0
    assert 0 < details.loop.learner_seconds < details.loop.seconds
    assert details.evaluation.valid.predictions_per_second > 0
    assert details.evaluation.test.predictions_per_second > 0
    assert details.bandwidth == Bandwidth(bytes=3 * 4 * BANDWIDTH_ELEMENTS, seconds=0.05)


def test_a_step_that_did_not_take_its_stated_path_fails_with_what_it_ran_instead(measured, probe):
    probe.operations = probe.executes = (OTHER,)
    with pytest.raises(MachineError, match=r"did not run as the loop.*lstm.*slow_fallback"):
        measured(details=DETAILS)


def test_a_trace_that_lacks_an_operation_disproves_no_path(measured, probe):
    probe.operations = (OTHER,)
    assert measured(details=["trace"]).details.trace.path == "the loop"


def test_an_operation_that_only_the_trace_shows_proves_the_path_too(measured, probe):
    probe.executes = (OTHER,)
    assert measured(details=["trace"]).details.trace.path == "the loop"


def test_a_path_that_could_not_be_seen_is_no_failure_and_is_not_called_proved(measured, probe):
    probe.operations, probe.executes = (OTHER,), ()
    found = measured(details=["trace"])
    assert found.details.trace.path is None
    assert found.steady_steps > 0


def test_a_trace_says_what_share_of_its_step_its_operations_take(measured, probe):
    probe.operations = (LOOP, OTHER)
    trace = measured(details=["trace"]).details.trace
    assert trace.coverage == pytest.approx(2e-6 / trace.step_seconds)


@pytest.mark.parametrize("slow", [(), (1,), (3,)])
def test_a_rate_of_evaluation_is_not_that_of_a_moment_in_which_the_machine_was_slow(slow):
    machine = Machine(0.001, slow)
    assert _median_rate(machine.timed) == pytest.approx(1000.0)

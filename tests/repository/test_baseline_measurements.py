"""The measurements kept in the repository are those that the documents speak of."""

from __future__ import annotations

import pytest

from tests.repository.baselines import MACHINES
from tests.repository.figures.speed import BARS, ON_CPU, PROCESSES, SIZES, measured


@pytest.mark.parametrize("machine", ON_CPU)
def test_every_case_that_is_quoted_was_measured_in_five_rounds_with_two_threads(machine):
    # That the bundle holds what its entry says, test_baseline_records.py tests.
    measurements = MACHINES[machine].measurements
    groups = {(m.record.group.dataset, m.record.group.size) for m in measurements}
    assert groups == {(dataset, size) for dataset in BARS for size in SIZES}
    for measurement in measurements:
        assert measurement.record.group.device == "cpu"
        assert not measurement.record.failures
        assert measurement.record.threads == 2
    assert PROCESSES[machine].index.is_unique
    assert len(PROCESSES[machine]) == len(groups) * 5 * len(measured(machine))

"""A path counts as taken only if what was executed shows it."""

from __future__ import annotations

import pytest

from lstmbench.timing.kernels import MAX_LISTED, proved, stated
from lstmbench.utils.errors import MachineError

STATED = ("oneDNN's LSTM", "lstm mkldnn", r"matmul .*addmm")
OTHER = [f"lstm kernel {number}" for number in range(MAX_LISTED + 3)]


def test_a_path_is_proved_by_what_was_executed_and_by_what_a_trace_shows_together():
    assert proved("pytorch", "cpu", STATED, ["lstm mkldnn"], ["matmul aten::addmm"]) == STATED[0]


def test_a_trace_alone_proves_a_path_and_disproves_none():
    assert proved("pytorch", "cpu", STATED, [], ["lstm mkldnn", "matmul addmm"]) == STATED[0]
    assert proved("pytorch", "cpu", STATED, [], ["matmul addmm"]) is None


def test_another_path_is_refused_with_what_ran_instead_of_the_part_that_is_missing():
    with pytest.raises(MachineError) as refused:
        proved("pytorch", "cpu", STATED, [*OTHER, "matmul addmm", "add bias"], [])
    assert "expected operations lstm mkldnn; found lstm kernel 0" in str(refused.value)
    assert "and 3 more" in str(refused.value)
    assert "bias" not in str(refused.value)


def test_a_path_is_the_device_s_unless_a_precision_or_a_way_has_its_own():
    paths = {"cpu": ("loop",), "cpu-bfloat16": ("low",), "cpu in the graph": ("graph",), "gpu": ("cuDNN",)}
    assert stated(paths, "cpu-x2-t1", "") == ("loop",)
    assert stated(paths, "cpu-bfloat16", "") == ("low",)
    assert stated(paths, "cpu", "in the graph") == ("graph",)
    assert stated(paths, "gpu-bfloat16", "") == ("cuDNN",)

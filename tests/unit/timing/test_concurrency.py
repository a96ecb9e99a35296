"""Time in which several operations run."""

from __future__ import annotations

import pytest

from lstmbench.timing.concurrency import shared_seconds


def test_time_in_which_two_operations_run_is_shared_among_them():
    matmul, add = ("MatMul", "output", "forward"), ("Add", "clip", "")
    seconds = shared_seconds([(0, 10, matmul), (6, 14, add), (20, 21, matmul)])
    assert seconds == pytest.approx({matmul: 9e-12, add: 6e-12})

"""Sizes and devices stand from small to large."""

from __future__ import annotations

import pandas as pd

from lstmbench.reporting.order import by_size, devices


def test_other_sizes_follow_the_usual_ones_by_name():
    table = pd.DataFrame({"size": ["wide", "large", "adventures", "small", "medium"]})
    assert by_size(table)["size"].tolist() == ["small", "medium", "large", "adventures", "wide"]


def test_rows_of_one_size_stand_by_device_and_otherwise_as_they_stood():
    rows = [("small", "cpu-x2", "b"), ("small", "cpu", "b"), ("small", "cpu", "a")]
    table = pd.DataFrame(rows, columns=["size", "device", "implementation"])
    assert by_size(table)[["device", "implementation"]].to_numpy().tolist() == [
        ["cpu", "b"],
        ["cpu", "a"],
        ["cpu-x2", "b"],
    ]


def test_devices_stand_by_kind_then_precision_then_threads_then_workers():
    names = ["gpu", "cpu-x2", "cpu-bfloat16", "gpu-tf32", "cpu", "cpu-t10", "cpu-t2", "cpu"]
    assert devices(names) == ["cpu", "cpu-x2", "cpu-t2", "cpu-t10", "cpu-bfloat16", "gpu", "gpu-tf32"]

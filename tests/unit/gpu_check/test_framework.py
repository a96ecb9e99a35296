"""A framework counts only if it trains a step on the device that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from lstmbench.gpu_check.framework import versions
from lstmbench.implementations import reference
from lstmbench.utils.errors import MachineError


def test_an_implementation_that_trains_tells_its_libraries():
    assert versions("reference", "cpu", {})["numpy"] == np.__version__


def test_an_implementation_without_a_gpu_is_refused_before_it_trains():
    with pytest.raises(MachineError, match="reference finds no usable GPU: expected a build for CUDA"):
        versions("reference", "gpu", {"cuda": "12.2", "driver": "535"})


def test_a_build_that_is_newer_than_the_driver_is_refused(monkeypatch):
    monkeypatch.setattr(reference, "versions", lambda: {"cuda": "13.0"})
    with pytest.raises(MachineError, match="expected a driver of at least CUDA 13"):
        versions("reference", "gpu", {"cuda": "12.2", "driver": "535"})

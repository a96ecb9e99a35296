"""The card as its driver describes it."""

from __future__ import annotations

import pytest

from lstmbench.gpu_check import card
from lstmbench.system import nvidia
from lstmbench.utils.errors import MachineError


def test_others_may_use_a_card_that_is_hidden_from_us(driver, monkeypatch):
    driver(apps="4711, python3, 20000 MiB")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(MachineError, match="4711"):
        card.require_idle()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    card.require_idle()


def test_a_card_that_is_busy_for_somebody_unseen_is_in_use(driver):
    card.require_idle()
    driver(utilization="97")
    with pytest.raises(MachineError, match=r"expected a utilization of at most 10 %, found 97 %"):
        card.require_idle()


def test_a_driver_that_hangs_ends_with_one_line(driver, monkeypatch, tmp_path):
    (tmp_path / "bin/nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(nvidia, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(MachineError, match=r"did not answer within 0\.2 s"):
        card.describe_card()


def test_a_driver_that_fails_is_told_with_its_words(driver):
    driver(code=9)
    with pytest.raises(MachineError, match="nvidia-smi failed \\(9\\)"):
        card.describe_card()


def test_the_card_is_described_by_its_driver(driver):
    assert card.describe_card() == {
        "name": "NVIDIA H100",
        "driver": "535.104",
        "compute_capability": "9.0",
        "memory_mib": 81559.0,
        "power_limit_watts": 700.0,
        "max_sm_clock_mhz": 1980.0,
        "cuda": "12.2",
    }


def test_what_the_driver_does_not_tell_is_absent(driver):
    driver(gpu="NVIDIA H100, 535.104, 9.0, 81559, [N/A], [Not Supported]")
    found = card.describe_card()
    assert found["power_limit_watts"] is None
    assert found["max_sm_clock_mhz"] is None


@pytest.mark.parametrize(("built", "refused"), [("13.0", True), ("12.8", False), ("11.8", False), (None, False)])
def test_a_driver_older_than_the_build_is_refused_with_both_versions(driver, built, refused):
    versions = {"torch": "2.13.0"} | ({"cuda": built} if built else {})
    described = card.describe_card()
    if not refused:
        card.require_new_enough(described, versions, "pytorch")
        return
    with pytest.raises(MachineError, match=r"built for CUDA 13\.0: .*found driver 535\.104 \(CUDA 12\.2\)"):
        card.require_new_enough(described, versions, "pytorch")

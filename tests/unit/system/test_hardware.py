"""The machine as it is described in records."""

from __future__ import annotations

import getpass
import platform

import pytest
from msgspec.structs import asdict

from lstmbench.system import device, hardware
from lstmbench.system.processor import Processor


def test_the_description_names_the_machine_but_neither_its_host_nor_its_user():
    found = hardware.describe()
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_bytes > 2**28
    values = [str(value) for value in asdict(found).values()]
    assert platform.node() not in values
    assert getpass.getuser() not in values


def test_the_node_of_a_cluster_is_told_and_no_host_otherwise(monkeypatch):
    monkeypatch.delenv(hardware.NODE, raising=False)
    assert hardware.describe().node is None
    monkeypatch.setenv(hardware.NODE, "n17")
    assert hardware.describe().node == "n17"


@pytest.mark.parametrize("architecture", ["arm64", "aarch64"])
def test_a_processor_that_nobody_names_is_unknown_and_not_its_architecture(monkeypatch, architecture):
    monkeypatch.setattr(hardware, "processor", lambda: Processor(None, None))
    monkeypatch.setattr(hardware.platform, "machine", lambda: architecture)
    assert hardware.describe().cpu == "unknown (aarch64)"


def test_a_control_group_s_limit_of_memory_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "CGROUP_MEMORY", tmp_path / "memory.max")
    whole = hardware.memory_limit_bytes()
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert hardware.memory_limit_bytes() == 2**30
    (tmp_path / "memory.max").write_text("max\n")
    assert hardware.memory_limit_bytes() == whole


def test_peak_memory_grows_with_what_is_held():
    before = hardware.peak_rss_bytes()
    block = bytearray(64 << 20)
    block[:: 1 << 12] = b"x" * (len(block) >> 12)
    assert hardware.peak_rss_bytes() >= max(before, len(block))


def test_a_machine_without_the_driver_has_no_gpu(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert hardware.gpu_names() == []
    assert device.resolve_device("auto") == "cpu"


def test_the_gpus_are_those_the_driver_lists(monkeypatch, tmp_path):
    driver = tmp_path / "nvidia-smi"
    driver.write_text('#!/bin/sh\necho "NVIDIA H100 80GB HBM3"\n')
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert hardware.gpu_names() == ["NVIDIA H100 80GB HBM3"]
    assert device.resolve_device("auto") == "gpu"

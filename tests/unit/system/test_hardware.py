"""The machine as it is described in records."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys

import psutil
import pytest
from msgspec.structs import asdict

from lstmbench.system import device, hardware, linux
from lstmbench.system.processor import Processor

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


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


GIB = 1 << 30


@pytest.mark.parametrize(
    ("groups", "kind", "files"),
    [
        ("0::/\n", "cgroup2 cgroup2 rw", {"memory.max": f"{GIB}\n"}),
        ("0::/job/step\n", "cgroup2 cgroup2 rw", {"job/memory.max": f"{GIB}\n", "job/step/memory.max": "max\n"}),
        ("0::/job\n", "cgroup2 cgroup2 rw", {"job/memory.max": f"{GIB}\n", "memory.max": f"{2 * GIB}\n"}),
        ("4:cpu:/a\n7:memory:/job\n0::/\n", "cgroup cgroup rw,memory", {"job/memory.limit_in_bytes": f"{GIB}\n"}),
    ],
)
def test_the_least_limit_of_memory_of_its_control_groups_counts(monkeypatch, tmp_path, groups, kind, files):
    (tmp_path / "cgroup").write_text(groups)
    (tmp_path / "mountinfo").write_text(f"32 31 0:29 / {tmp_path}/mount rw,relatime shared:9 - {kind}\n")
    for name, content in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(linux, "PROCESS", tmp_path)
    assert hardware.memory_limit_bytes() == GIB


@pytest.mark.parametrize("limit", [None, "max\n", f"{(1 << 63) - 4096}\n"])
def test_without_a_limit_of_its_control_groups_the_machine_s_memory_counts(monkeypatch, tmp_path, limit):
    monkeypatch.setattr(hardware, "control_groups", lambda controller: [tmp_path])
    if limit:
        (tmp_path / "memory.max").write_text(limit)
    assert hardware.memory_limit_bytes() == psutil.virtual_memory().total


def test_peak_memory_grows_with_what_is_held():
    before = hardware.peak_rss_bytes()
    block = bytearray(64 << 20)
    block[:: 1 << 12] = b"x" * (len(block) >> 12)
    assert hardware.peak_rss_bytes() >= max(before, len(block))


def test_peak_memory_is_none_of_the_process_that_started_this_one():
    block = bytearray(512 << 20)
    block[:: 1 << 12] = b"x" * (len(block) >> 12)
    program = "from lstmbench.system.hardware import peak_rss_bytes; print(peak_rss_bytes())"
    command = ["bash", "-c", 'exec "$0" -c "$1"', sys.executable, program]
    # A function to call first makes Python fork, and a process that is forked begins as large as this one.
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT, preexec_fn=lambda: None)
    assert 0 < int(done.stdout) < len(block)


def test_peak_memory_is_told_where_the_system_has_no_such_file(monkeypatch, tmp_path):
    monkeypatch.setattr(linux, "PROCESS", tmp_path)
    assert hardware.peak_rss_bytes() > 1 << 20


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

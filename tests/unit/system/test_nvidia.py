"""What the NVIDIA driver is asked, through an ``nvidia-smi`` that these tests put on PATH."""

from __future__ import annotations

import subprocess

import pytest

from lstmbench.system import device, hardware, nvidia
from lstmbench.utils.errors import MachineError

ROWS = ("GPU-aa11, NVIDIA A100, 8.0", "GPU-bb22, NVIDIA H100, 9.0", "GPU-bb33, NVIDIA T4, 7.5")

LISTED = """\
GPU 0: NVIDIA A100 (UUID: GPU-aa11)
GPU 1: NVIDIA H100 (UUID: GPU-bb22)
  MIG 1g.10gb     Device  0: (UUID: MIG-77)
"""


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Make ``nvidia-smi`` a shell script of these lines."""

    def put(*lines):
        script = tmp_path / "nvidia-smi"
        script.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return put


@pytest.fixture
def three_gpus(put):
    """A driver with three GPUs."""
    rows = "\n".join(ROWS)
    put(
        f"[ $1 = -L ] && {{ printf '%s' '{LISTED}'; exit; }}",
        "case $1 in *=uuid) cut=1;; *=name) cut=2;; *=compute_cap) cut=3;; *) exit 2;; esac",
        f"echo '{rows}' | cut -d, -f$cut",
    )


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, ["NVIDIA A100", "NVIDIA H100", "NVIDIA T4"]),
        ("1", ["NVIDIA H100"]),
        ("2,0", ["NVIDIA T4", "NVIDIA A100"]),
        (" 1 , 0", ["NVIDIA H100", "NVIDIA A100"]),
        ("GPU-bb22", ["NVIDIA H100"]),
        ("GPU-a", ["NVIDIA A100"]),
        ("GPU-bb", []),  # could be either of two
        ("MIG-77", ["NVIDIA H100"]),
        ("MIG-78", []),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1,-1,0", ["NVIDIA H100"]),
        ("1,7,0", ["NVIDIA H100"]),
        ("1,1", []),
    ],
)
def test_the_gpus_are_those_that_cuda_visible_devices_leaves_in_its_order(three_gpus, monkeypatch, value, names):
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert hardware.gpu_names() == names
    assert device.resolve_device("auto") == ("gpu" if names else "cpu")
    assert hardware.describe().gpu == next(iter(names), None)


def test_only_a_visible_gpu_has_to_have_a_precision(three_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    device.require_precision("gpu", "tf32")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    with pytest.raises(MachineError, match=r"found 7\.5"):
        device.require_precision("gpu", "tf32")


def test_a_driver_that_hangs_is_not_waited_for_even_if_it_cannot_be_killed(put, monkeypatch):
    put("exec sleep 60")
    hanging = []
    kill = subprocess.Popen.kill
    monkeypatch.setattr(nvidia, "TIMEOUT_SECONDS", 0.2)
    # As in a system call that does not return.
    monkeypatch.setattr(subprocess.Popen, "kill", lambda process: hanging.append(process))
    try:
        with pytest.raises(MachineError, match=r"nvidia-smi did not answer within 0\.2 s: .*choose device: cpu"):
            device.resolve_device("auto")
        assert hardware.describe().gpu is None
        assert hanging
        assert all(process.poll() is None for process in hanging)
    finally:
        for process in hanging:
            kill(process)
            process.wait()


def test_a_driver_without_gpus_means_the_cpu_and_is_no_fault(put, capfd):
    put("echo 'No devices were found'", "exit 6")
    assert hardware.gpu_names() == []
    assert device.resolve_device("auto") == "cpu"
    assert capfd.readouterr().err == ""


def test_a_driver_that_fails_means_the_cpu_and_one_line_says_so(put, capfd):
    put("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'", "exit 9")
    assert device.resolve_device("auto") == "cpu"
    assert hardware.describe().gpu is None
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("device auto takes the CPU: nvidia-smi failed (9): NVIDIA-SMI has failed")

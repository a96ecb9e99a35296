from __future__ import annotations

import getpass
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.orchestration import resources
from lstmbench.system import device, hardware, provenance
from lstmbench.system.processor import Processor
from lstmbench.utils.errors import MachineError, UsageError


def test_the_description_names_the_machine_but_neither_its_host_nor_its_user():
    found = hardware.describe()
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["memory_bytes"] > 2**28
    values = [str(value) for value in found.values()]
    assert platform.node() not in values
    assert getpass.getuser() not in values


def test_the_node_of_a_cluster_is_told_and_no_host_otherwise(monkeypatch):
    monkeypatch.delenv(hardware.NODE, raising=False)
    assert hardware.describe()["node"] is None
    monkeypatch.setenv(hardware.NODE, "n17")
    assert hardware.describe()["node"] == "n17"


@pytest.mark.parametrize("architecture", ["arm64", "aarch64"])
def test_a_processor_that_nobody_names_is_unknown_and_not_its_architecture(monkeypatch, architecture):
    monkeypatch.setattr(hardware, "processor", lambda: Processor(None, None))
    monkeypatch.setattr(hardware.platform, "machine", lambda: architecture)
    assert hardware.describe()["cpu"] == "unknown (aarch64)"


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


def test_an_unknown_device_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="auto, cpu, gpu"):
        device.resolve_device("tpu")


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


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("cpu", "cpu"),
        ("cpu-float32", "cpu"),
        ("gpu-tf32", "gpu-tf32"),
        ("gpu", "gpu"),
        ("cpu-x1", "cpu"),
        ("cpu-x2", "cpu-x2"),
        ("gpu-float32-x16", "gpu-x16"),
        ("gpu-tf32-x2", "gpu-tf32-x2"),
        ("cpu-float32-t1", "cpu-t1"),
        ("gpu-tf32-t4-x2", "gpu-tf32-t4-x2"),
    ],
)
def test_what_is_not_usual_is_part_of_a_device_s_name(wanted, name):
    assert device.resolve_device(wanted) == name


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="float32, tf32"):
        device.resolve_device("gpu-float8")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("cpu", ("cpu", "float32", 1, None)),
        ("gpu-tf32", ("gpu", "tf32", 1, None)),
        ("cpu-x2", ("cpu", "float32", 2, None)),
        ("gpu-tf32-x12", ("gpu", "tf32", 12, None)),
        ("cpu-t1", ("cpu", "float32", 1, 1)),
        ("gpu-tf32-t16-x2", ("gpu", "tf32", 2, 16)),
    ],
)
def test_a_device_s_name_splits_into_its_parts_and_is_made_of_them(name, parts):
    assert device.split_device(name) == parts
    assert device.split_device(name).name == name


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("cpu-x0", "1 worker or more, found 0"),
        ("cpu-x", "precision 'x'"),
        ("cpu-x2-tf32", "x2-tf32"),
        ("cpu-t0", "1 thread or more, found 0"),
        ("cpu-t", "precision 't'"),
        ("cpu-x2-t4", "x2"),
        ("cpu-t٣", "precision"),
        ("", "device ''"),
        ("cpu\n", "device"),
    ],
)
def test_a_device_without_workers_or_threads_or_in_another_order_is_refused(wanted, told):
    with pytest.raises(UsageError, match=told):
        device.resolve_device(wanted)


@given(st.text(alphabet="-abcgptux0123456789 \n", max_size=20) | st.text())
def test_any_text_is_a_device_s_name_or_refused(name):
    try:
        resolved = device.resolve_device(name)
    except UsageError:
        return
    assert device.resolve_device(resolved) == resolved


def test_threads_that_a_device_s_name_tells_are_those_of_the_process():
    device.require_threads("cpu-t4", 4)
    device.require_threads("cpu", 3)
    with pytest.raises(UsageError, match="cpu-t4-x2: expected --threads 4, found 2"):
        device.require_threads("cpu-t4-x2", 2)


def test_a_job_with_fewer_cores_than_threads_is_told_how_many_to_write():
    resources.require_cores_of_job("run.json", 2, 2, 4)
    with pytest.raises(
        UsageError, match=r"^run\.json: expected 4 cores \(2 workers of 2 threads\), found 3; write --cores 4"
    ):
        resources.require_cores_of_job("run.json", 2, 2, 3)


@pytest.mark.parametrize(("capability", "enough"), [("7.5", False), ("8.0", True), ("9.0", True)])
@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_a_lower_precision_wants_a_gpu_that_has_it(precision, capability, enough, monkeypatch, tmp_path):
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\necho {capability}\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    device.require_precision("gpu", "float32")
    if enough:
        device.require_precision("gpu", precision)
    else:
        with pytest.raises(MachineError, match=rf"{precision}.*8\.0.*7\.5"):
            device.require_precision("gpu", precision)


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_a_cpu_has_no_lower_precision(precision):
    with pytest.raises(MachineError, match="only a GPU"):
        device.require_precision("cpu", precision)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with a commit, that the project is taken for."""
    folder = tmp_path / "a höuse"
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow/file").write_text("1")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "One")
    monkeypatch.setattr(provenance, "ROOT", folder)
    return folder


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_root_is_the_folder_of_the_snakefile():
    assert (provenance.ROOT / "Snakefile").is_file()


def test_the_commit_is_that_of_the_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD").strip()
    assert provenance.commit() == (head, False)
    (checkout / "workflow/file").write_text("2")
    assert provenance.commit() == (head, True)


def test_a_copy_inside_somebody_else_s_repository_has_no_commit(checkout, monkeypatch):
    copy = checkout / "copies/lstm-bench"
    copy.mkdir(parents=True)
    monkeypatch.setattr(provenance, "ROOT", copy)
    assert provenance.commit() == (None, False)


def test_a_folder_that_is_a_link_to_the_checkout_has_its_commit(checkout, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(checkout)
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "link")
    assert provenance.commit()[0] is not None


def test_what_a_user_set_for_git_changes_no_commit(checkout, tmp_path, monkeypatch):
    expected = provenance.commit()
    other = tmp_path / "other"
    shutil.copytree(checkout, other)
    (other / "workflow/file").write_text("3")
    git(other, "commit", "--quiet", "--all", "--message", "Two")
    for name, value in {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": tmp_path / "index",
        "GIT_CEILING_DIRECTORIES": checkout.parent,
        "GIT_TRACE": 1,
    }.items():
        monkeypatch.setenv(name, str(value))
    assert provenance.commit() == expected


def test_asking_for_the_commit_writes_nothing(checkout):
    (checkout / "workflow/file").touch()
    before = {path: path.stat().st_mtime_ns for path in Path(checkout).rglob("*")}
    provenance.commit()
    assert {path: path.stat().st_mtime_ns for path in Path(checkout).rglob("*")} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to somebody else")
def test_a_repository_that_git_does_not_trust_has_no_commit(checkout):
    os.chown(checkout, 12345, 12345)
    os.chown(checkout / ".git", 12345, 12345)
    if subprocess.run(["git", "status"], cwd=checkout, capture_output=True).returncode == 0:
        pytest.skip("git trusts every folder here (safe.directory)")
    assert provenance.commit() == (None, False)

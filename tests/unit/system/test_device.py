from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.system import device
from lstmbench.system.processor import Processor
from lstmbench.utils.errors import MachineError, UsageError


def test_an_unknown_device_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="auto, cpu, gpu"):
        device.resolve_device("tpu")


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
    ("wanted", "message"),
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
def test_a_device_without_workers_or_threads_or_in_another_order_is_refused(wanted, message):
    with pytest.raises(UsageError, match=message):
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


def test_a_cpu_has_no_tf32():
    with pytest.raises(MachineError, match="only a GPU"):
        device.require_precision("cpu", "tf32")


@pytest.mark.parametrize("how", ["amx", "avx512", None])
def test_a_cpu_computes_in_bfloat16_if_it_multiplies_in_that(monkeypatch, how):
    monkeypatch.setattr(device, "processor", lambda: Processor("Example CPU", "avx512f", how))
    device.require_precision("cpu", "float32")
    if how:
        device.require_precision("cpu", "bfloat16")
    else:
        with pytest.raises(MachineError, match="expected a processor with amx_bf16 or avx512_bf16"):
            device.require_precision("cpu", "bfloat16")

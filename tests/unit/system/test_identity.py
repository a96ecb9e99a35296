"""Which differences make two machines of one, and which are only noted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lstmbench.system.identity import FIELDS, machine_fingerprint, noted
from lstmbench.system.machine import Machine

HERE = Machine(**{
    "cpu": "Example CPU", "capability": "avx2", "bfloat16": None,
    "cores": 2, "cpu_quota": None, "memory_bytes": 25 * 10**9, "gpu": None,
    "os": "Linux 6.1.0-13 x86_64", "libc": "glibc 2.36", "python": "3.11.7", "switches": {}, "node": "n1",
    "spin_limits": {},
})  # fmt: skip


def same(device="cpu", here=HERE, **changes):
    return machine_fingerprint(here, device) == machine_fingerprint(replace(here, **changes), device)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cores", 64), ("cpu_quota", 0.5), ("memory_bytes", 1), ("node", "n2"), ("os", "Linux 6.12.9 x86_64"),
        ("python", "3.11.9"), ("gpu", "Example GPU"), ("spin_limits", {"GOMP_SPINCOUNT": "1000"}),
        ("switches", {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_DISPLAY_ENV": "TRUE", "TORCH_LOGS": "+dynamo"}),
    ],
)  # fmt: skip
def test_a_difference_that_changes_neither_a_bit_nor_a_speed_is_noted_and_does_not_count(field, value):
    assert same(**{field: value})
    assert noted(HERE, "cpu") != noted(replace(HERE, **{field: value}), "cpu")


def test_how_a_cpu_multiplies_in_bfloat16_counts_for_runs_in_that_alone():
    assert same(bfloat16="amx")
    assert same("gpu-bfloat16", bfloat16="amx")
    assert not same("cpu-bfloat16", bfloat16="amx")
    assert not same("cpu-bfloat16-t4-x2", replace(HERE, bfloat16="avx512"), bfloat16="amx")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cpu", "Another CPU"), ("capability", "avx512f"), ("os", "Linux 6.1.0-13 aarch64"),
        ("os", "Darwin 24.1.0 x86_64"), ("libc", "glibc 2.41"), ("python", "3.12.7"),
        ("switches", {"MKL_CBWR": "AVX2"}),
    ],
)  # fmt: skip
def test_a_difference_that_can_change_a_bit_or_a_speed_counts(field, value):
    assert not same(**{field: value})


def test_a_gpu_counts_for_runs_on_a_gpu_only():
    assert same("cpu", gpu="Example GPU")
    assert not same("gpu", gpu="Example GPU")


def test_the_release_of_macos_counts_since_it_brings_a_blas():
    mac = replace(HERE, os="Darwin 24.1.0 arm64")
    assert not same(here=mac, os="Darwin 25.0.0 arm64")


def test_arm64_and_aarch64_are_one_architecture():
    assert same(here=replace(HERE, os="Linux 6.1 arm64"), os="Linux 6.2 aarch64")


@pytest.mark.parametrize("name", ["unknown (aarch64)", "aarch64", "arm64", "ARMv7 Processor rev 3 (v7l)", ""])
@pytest.mark.parametrize("other", [{"cores": 4}, {"memory_bytes": 8 * 10**9}, {"os": "Linux 6.2 x86_64"}])
def test_two_processors_without_a_name_are_two_while_anything_tells_them_apart(name, other):
    nobody = replace(HERE, cpu=name)
    assert same(here=nobody, node="n2")
    assert not same(here=nobody, **other)


def test_every_field_of_a_description_is_decided_and_every_decision_is_of_a_field():
    assert set(Machine.__struct_fields__) == set(FIELDS)
    assert all(field.why for field in FIELDS.values())


def test_a_record_of_the_first_version_is_still_of_one_kind_with_its_like():
    first = Machine(**{name: getattr(HERE, name) for name in ("cpu", "cores", "memory_bytes", "gpu", "os", "python")})
    assert same(here=first, cores=4)
    assert not same(here=first, cpu="Another CPU")

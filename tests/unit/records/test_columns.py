"""A machine and the versions of libraries as columns of a table."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lstmbench.records.columns import MACHINE, kind_columns, machine_columns, versions_column
from lstmbench.system.machine import Machine

HERE = Machine(
    cpu="AMD EPYC 7763",
    cores=2,
    memory_bytes=25_276_514_304,
    gpu=None,
    os="Linux 6.1.0 x86_64",
    python="3.11.7",
    capability="avx2",
    bfloat16="amx",
    switches={"OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX2"},
)


def test_every_column_of_a_machine_is_filled_and_none_else():
    assert list(machine_columns(HERE)) == MACHINE


def test_memory_that_differs_by_what_a_kernel_takes_at_each_boot_is_the_same():
    assert (
        machine_columns(HERE)["memory_gb"]
        == machine_columns(replace(HERE, memory_bytes=25_271_000_000))["memory_gb"]
        == 25
    )


@pytest.mark.parametrize(
    ("cpu", "capability", "shown"),
    [
        ("AMD EPYC 7763", "avx2", "AMD EPYC 7763, avx2"),
        ("AMD EPYC 7763", None, "AMD EPYC 7763"),
        ("aarch64", None, "unknown (aarch64)"),
        ("unknown (x86_64)", "avx2", "unknown (x86_64), avx2"),
    ],
)
def test_a_processor_has_its_instructions_beside_its_name_or_is_unknown(cpu, capability, shown):
    assert machine_columns(replace(HERE, cpu=cpu, capability=capability))["cpu"] == shown


def test_variables_and_versions_are_texts_in_the_order_of_their_names():
    assert machine_columns(HERE)["switches"] == "MKL_CBWR=AVX2, OMP_NUM_THREADS=2"
    assert versions_column({"torch": "2.13.0", "numpy": "2.2.0"}) == "numpy 2.2.0, torch 2.13.0"


@pytest.mark.parametrize(
    ("changes", "same"), [({}, True), ({"memory_bytes": 10**9}, True), ({"capability": "avx512f"}, False)]
)
def test_machines_are_of_one_kind_if_they_differ_in_nothing_that_counts(changes, same):
    kinds = [kind_columns(machine, "cpu")["machine_kind"] for machine in (HERE, replace(HERE, **changes))]
    assert (kinds[0] == kinds[1]) == same


@pytest.mark.parametrize(("device", "shown"), [("cpu", ""), ("cpu-bfloat16", "amx")])
def test_how_a_processor_multiplies_in_bfloat16_is_shown_for_that_precision_and_names_no_kind(device, shown):
    assert kind_columns(HERE, device) == {"machine_kind": kind_columns(HERE, "cpu")["machine_kind"], "bfloat16": shown}

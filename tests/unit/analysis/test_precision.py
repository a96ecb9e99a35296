"""A precision's cost in quality and gain in speed: paired, and from quotable speeds only."""

from __future__ import annotations

import pytest

from lstmbench.analysis import speed as analyse
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import precision
from tests.factories.measurements import edited, make_measurement
from tests.factories.records import make_record, save
from tests.helpers.run_command import run_command

VERSIONS = {"numpy": "2.4.6", "torch": "2.13.0"}


@pytest.fixture
def found(tmp_path):
    """The rows of the precision table, and its text, of these records and measurements."""

    def build(records, measurements=()):
        run_command("collect", ["--output-dir", str(tmp_path), *map(str, save(tmp_path, *records))])
        write_table(tmp_path / "speed.csv", analyse.analyse(measurements)["speed"])
        run_command("precision", ["--tables", str(tmp_path)])
        text = (tmp_path / "precision.md").read_text(encoding="utf-8")
        return read_table(tmp_path / "precision.csv").to_dict("records"), text

    return build


def trained(dtype, seed, metric, **changes):
    device = "gpu" if dtype == "float32" else f"gpu-{dtype}"
    return make_record(device=device, seed=seed, metric=metric, settings__dtype=dtype, **changes)


def measured(device, speed, **changes):
    measurement = make_measurement({"pytorch": [speed]}, versions=VERSIONS, **changes)
    machine = trained("float32", 1, 100.0)["machine"]
    return edited(measurement, group__device=device, threads=1, machine=machine)


RUNS = [
    trained("float32", 1, 100.0),
    trained("float32", 2, 110.0),
    trained("tf32", 1, 101.0),
    trained("tf32", 2, 111.1),
]


def test_cost_is_paired_by_seed_and_gain_comes_from_the_measured_speeds(found):
    (row,), text = found([*RUNS, trained("tf32", 3, 500.0)], [measured("gpu", 10.0), measured("gpu-tf32", 25.0)])
    assert (row["device"], row["precision"], row["n"]) == ("gpu", "tf32", 2)
    assert row["cost"] == pytest.approx(1.0)
    assert row["gain"] == pytest.approx(2.5)
    assert "+1.00 %" in text
    assert "2.50" in text


def test_a_precision_whose_speed_was_not_measured_has_a_cost_and_no_gain(found):
    (row,), text = found(RUNS)
    assert row["cost"] == pytest.approx(1.0)
    assert row["gain"] != row["gain"]
    assert "nan" not in text.lower()


def test_a_speed_that_may_not_be_quoted_gives_no_gain(found):
    shaky = measured("gpu-tf32", 25.0)
    shaky.blocks["seconds"] *= [1.0, 3.0] * (len(shaky.blocks) // 2)
    (row,), _ = found(RUNS, [measured("gpu", 10.0), shaky])
    assert row["gain"] != row["gain"]


def test_runs_cut_short_are_not_held_against_complete_ones(found):
    rows, _ = found([RUNS[0], trained("tf32", 1, 101.0, caps=["trained for 12 of 99 updates"])])
    assert rows == []


def test_with_float32_alone_the_table_says_so(found):
    rows, text = found(RUNS[:2], [measured("gpu", 10.0)])
    assert rows == []
    assert precision.EMPTY in text


def test_with_several_libraries_each_row_says_its_own(found):
    newer = [
        dict(run, versions={"torch": "2.14.0"}) for run in (trained("float32", 3, 100.0), trained("tf32", 3, 99.0))
    ]
    rows, text = found([*RUNS, *newer])
    assert [(row["versions"], row["n"]) for row in rows] == [("numpy 2.4.6, torch 2.13.0", 2), ("torch 2.14.0", 1)]
    assert "libraries" in text
    assert "libraries" not in found(RUNS)[1]


def test_a_precision_is_held_against_as_many_workers(found):
    shared = [make_record(device=f"{device}-x2", seed=1, metric=metric, settings__dtype=dtype)
              for device, dtype, metric in (("gpu", "float32", 100.0), ("gpu-tf32", "tf32", 103.0))]  # fmt: skip
    rows, _ = found([*RUNS[:1], *RUNS[2:3], *shared])
    assert [(row["device"], row["n"], round(row["cost"], 6)) for row in rows] == [("gpu", 1, 1.0), ("gpu-x2", 1, 3.0)]


def test_bfloat16_on_a_processor_that_multiplies_in_it_is_held_against_float32_there(found):
    runs = [
        make_record(device=device, seed=seed, metric=metric, machine__bfloat16="amx")
        for device, seed, metric in (("cpu", 1, 100.0), ("cpu", 2, 110.0), ("cpu-bfloat16", 1, 102.0))
    ]
    machine = runs[0]["machine"]
    speeds = [
        edited(make_measurement({"pytorch": [speed]}, device=device, versions=VERSIONS), threads=1, machine=machine)
        for device, speed in (("cpu", 10.0), ("cpu-bfloat16", 15.0))
    ]
    (row,), _ = found(runs, speeds)
    assert (row["device"], row["precision"], row["n"]) == ("cpu", "bfloat16", 1)
    assert row["cost"] == pytest.approx(2.0)
    assert row["gain"] == pytest.approx(1.5)


def test_processors_that_multiply_in_bfloat16_in_other_ways_have_a_row_each(found):
    rows, _ = found(
        make_record(device=device, seed=seed, metric=metric, machine__bfloat16=how)
        for how, seed, metric in (("amx", 1, 102.0), ("avx512", 2, 101.0))
        for device, metric in (("cpu", 100.0), ("cpu-bfloat16", metric))
    )
    assert [(row["n"], round(row["cost"], 6)) for row in rows] == [(1, 2.0), (1, 1.0)]

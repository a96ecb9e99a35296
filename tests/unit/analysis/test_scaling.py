"""Speed-up and efficiency: over the same implementation with the fewest workers or threads, on the same machine."""

from __future__ import annotations

import pytest

from lstmbench.analysis import scaling
from lstmbench.analysis import speed as analyse
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import scaling as present_scaling
from tests.factories.measurements import edited, make_measurement
from tests.factories.records import make_record, save
from tests.helpers.run_command import run_command


@pytest.fixture
def written(tmp_path):
    """Writes the tables of records and measurements; the figures are in ``tmp_path / "figures"``."""

    def write(*records, measured=()):
        run_command("collect", ["--output-dir", str(tmp_path), *map(str, save(tmp_path, *records))])
        for name, table in analyse.analyse(measured).items():
            write_table(tmp_path / f"{name}.csv", table)
        for name in scaling.SCALED:
            run_command("scaling", ["--of", name, "--tables", str(tmp_path)])
            folders = ["--tables", str(tmp_path), "--output-dir", str(tmp_path / "figures")]
            run_command("plot-scaling", ["--of", name, "--dataset", "ptb", *folders])

    return write


@pytest.fixture
def found(tmp_path, written):
    """The rows of the table of workers and its text, of these records."""

    def build(*records):
        written(*records)
        text = (tmp_path / "workers.md").read_text(encoding="utf-8")
        return read_table(tmp_path / "workers.csv").to_dict("records"), text

    return build


@pytest.fixture
def found_threads(tmp_path, written):
    """The rows of the table of threads and its text, of these measurements."""

    def build(*measured):
        written(make_record(), measured=measured)
        text = (tmp_path / "threads.md").read_text(encoding="utf-8")
        return read_table(tmp_path / "threads.csv").to_dict("records"), text

    return build


def ran(device, speed, seed=1, **changes):
    speeds = {f"speed__{name}": speed * factor for name, factor in (("p25", 0.9), ("median", 1.0), ("p75", 1.1))}
    return make_record(implementation="pytorch_ddp", device=device, seed=seed, speed__blocks=1, **speeds, **changes)


def test_speed_up_is_over_one_worker_and_efficiency_is_that_of_each(found, tmp_path):
    rows, text = found(ran("cpu", 1000.0), ran("cpu-x2", 1500.0), ran("cpu-x4", 3000.0))
    assert [(row["workers"], row["speed_up"], row["efficiency"]) for row in rows] == [
        (1, 1.0, 1.0),
        (2, 1.5, 0.75),
        (4, 3.0, 0.75),
    ]
    assert {row["device"] for row in rows} == {"cpu"}
    assert "75 %" in text
    assert (tmp_path / "figures/workers_ptb.svg").stat().st_size > 5000


def test_without_a_run_of_one_worker_the_fewest_count(found):
    rows, _ = found(ran("cpu-x2", 1000.0), ran("cpu-x6", 1500.0))
    assert [(row["workers"], row["speed_up"], row["efficiency"]) for row in rows] == [(2, 1.0, 1.0), (6, 1.5, 0.5)]


def test_the_median_over_the_seeds_counts(found):
    rows, _ = found(*(ran("cpu", 1000.0, seed) for seed in (1, 2, 3)), ran("cpu-x2", 2000.0), ran("cpu-x2", 9000.0, 2),
                    ran("cpu-x2", 2000.0, 3))  # fmt: skip
    assert [(row["n"], row["speed_up"]) for row in rows] == [(3, 1.0), (3, 2.0)]


def test_other_threads_machines_and_caps_are_not_compared(found):
    rows, text = found(
        ran("cpu", 1000.0),
        ran("cpu-x2", 1500.0, settings__threads=2),
        ran("cpu-x4", 1500.0, machine__cpu="Another CPU"),
        ran("cpu-x5", 1500.0, caps=["trained for 12 of 99 updates"]),
    )
    assert rows == []
    assert present_scaling.WORDS["workers"].empty in text


def test_with_several_libraries_each_row_says_its_own(found):
    older = [ran("cpu", 1000.0), ran("cpu-x2", 1500.0)]
    newer = [ran(device, 1200.0, seed=2, versions={"torch": "2.14.0"}) for device in ("cpu", "cpu-x2")]
    assert "| libraries" in found(*older, *newer)[1]
    assert "| libraries" not in found(*older)[1]


def test_a_run_too_short_for_a_speed_gives_none(found):
    nothing = {f"speed__{name}": None for name in ("p25", "median", "p75")}
    rows, _ = found(
        ran("cpu", 1000.0),
        make_record(implementation="pytorch_ddp", device="cpu-x2", speed__blocks=0, **nothing),
    )
    assert rows == []


def measured(threads, speed, **changes):
    speeds = [speed * factor for factor in (0.99, 1.0, 1.01, 1.0, 1.0)]
    measurement = make_measurement({"pytorch": speeds}, **changes)
    return edited(measurement, threads=threads, group__device=f"cpu-t{threads}")


def test_measured_speeds_with_several_threads_are_set_beside_the_fewest(found_threads, tmp_path):
    rows, text = found_threads(measured(16, 80.0), measured(2, 20.0), measured(4, 30.0))
    assert [(row["threads"], row["n"], round(row["speed_up"], 2), round(row["efficiency"], 2)) for row in rows] == [
        (2, 5, 1.0, 1.0),
        (4, 5, 1.5, 0.75),
        (16, 5, 4.0, 0.5),
    ]
    assert {row["device"] for row in rows} == {"cpu"}
    assert "75 %" in text
    assert (tmp_path / "figures/threads_ptb.svg").stat().st_size > 5000


def test_threads_on_another_machine_or_with_a_speed_that_may_not_be_quoted_are_not_compared(found_threads):
    elsewhere = edited(measured(2, 20.0), machine__cpu="Another CPU")
    failed = measured(4, 30.0, failures={"pytorch": "the loss of update 31 is not a number"})
    rows, text = found_threads(measured(1, 10.0), elsewhere, failed)
    assert rows == []
    assert present_scaling.WORDS["threads"].empty in text

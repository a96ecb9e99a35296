"""Speed-up and efficiency: over the same implementation with one worker, on the same machine, and nothing else."""

from __future__ import annotations

import pytest

from lstmbench import collect, scaling
from lstmbench.tables import read_table
from tests.unit.records import make_record, save


@pytest.fixture
def found(tmp_path):
    """The rows of the table and its text of these records; the figures are in ``tmp_path / "figures"``."""

    def build(*records):
        collect.main(["--output-dir", str(tmp_path), *map(str, save(tmp_path, *records))])
        scaling.main(["--tables", str(tmp_path), "--figures", str(tmp_path / "figures")])
        text = (tmp_path / "scaling.md").read_text(encoding="utf-8")
        return read_table(tmp_path / "scaling.csv").to_dict("records"), text

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
    assert (tmp_path / "figures/scaling_ptb.svg").stat().st_size > 5000


def test_the_median_over_the_seeds_counts(found):
    rows, _ = found(*(ran("cpu", 1000.0, seed) for seed in (1, 2, 3)), ran("cpu-x2", 2000.0), ran("cpu-x2", 9000.0, 2),
                    ran("cpu-x2", 2000.0, 3))  # fmt: skip
    assert [(row["n"], row["speed_up"]) for row in rows] == [(3, 1.0), (3, 2.0)]


def test_other_threads_machines_and_caps_are_not_compared(found):
    rows, text = found(
        ran("cpu", 1000.0),
        ran("cpu-x2", 1500.0, settings__threads=2),
        ran("cpu-x4", 1500.0, machine__cores=64),
        ran("cpu-x5", 1500.0, caps=["trained for 12 of 99 updates"]),
    )
    assert rows == []
    assert scaling.EMPTY in text


def test_a_run_too_short_for_a_speed_gives_none(found):
    nothing = {f"speed__{name}": None for name in ("p25", "median", "p75")}
    rows, _ = found(
        ran("cpu", 1000.0),
        make_record(implementation="pytorch_ddp", device="cpu-x2", speed__blocks=0, **nothing),
    )
    assert rows == []

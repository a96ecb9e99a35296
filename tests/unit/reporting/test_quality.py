"""Time to quality: golden cases, small enough to check by hand."""

from __future__ import annotations

import functools
import math

import pytest

from lstmbench.records.tables import read_table
from lstmbench.reporting.quality import by_dataset
from tests.factories.records import CAPS, make_record
from tests.factories.tables import make_tables


def learned(*perplexities, seed=1, seconds=100.0, **changes):
    """A run whose validations show these perplexities, each after an epoch of ``seconds`` (its number of times)."""
    record = make_record(seed=seed, epochs=len(perplexities), **changes)
    for row, perplexity in zip(record["history"], perplexities, strict=True):
        row |= {"valid_loss": math.log(perplexity), "valid_perplexity": perplexity}
        row |= {"train_seconds": seconds * row["epoch"], "valid_seconds": 7.0}
    unmeasured = dict.fromkeys(("p25", "median", "p75"))
    record["speed"] |= {
        "train_seconds": sum(row["train_seconds"] for row in record["history"]),
        "blocks": 0,
        **unmeasured,
    }
    return record


@pytest.fixture
def tables(tmp_path):
    """Collected and tabulated tables of the records given, by name."""
    return functools.partial(make_tables, tmp_path)


@pytest.fixture
def rows(tables):
    """The rows for these records, as tuples by column."""
    return lambda *records: list(tables(*records)["time_to_quality"].itertuples())


def test_the_training_seconds_of_all_epochs_up_to_the_first_that_shows_the_target_add_up(rows):
    (row,) = rows(learned(200.0, 121.0, 130.0, 120.0))
    assert (row.target, row.target_source) == (121.39, "TensorFlow tutorial")
    assert (row.seconds_median, row.epochs_median) == (100.0 + 200.0, 2)  # without 2 * 7 s of validation


def test_a_perplexity_that_equals_the_target_reaches_it(rows):
    assert [row.reached for row in rows(learned(121.39))] == [1]


def test_an_accuracy_reaches_its_target_from_below(rows):
    record = make_record("mnist", epochs=3)
    for row, accuracy in zip(record["history"], (0.9, 0.98, 0.97), strict=True):
        row["valid_accuracy"] = accuracy
    (row,) = rows(record)
    assert (row.metric, row.target, row.seconds_median, row.epochs_median) == ("accuracy", 0.98, 500.0, 2)


def test_a_run_that_never_reaches_the_target_is_counted_and_never_dropped(rows):
    runs = [learned(120.0, seed=1), learned(122.0, seed=2, seconds=5.0), learned(119.0, seed=3, seconds=200.0)]
    (row,) = rows(*runs)
    assert (row.n, row.reached, row.seeds) == (3, 2, "1 2 3")
    assert (row.seconds_min, row.seconds_median) == (100.0, 200.0)  # of 100, 200 and for ever
    assert math.isnan(row.seconds_max)


def test_where_half_of_the_runs_never_reach_the_target_nor_does_their_median(rows):
    (row,) = rows(learned(120.0, seed=1), learned(122.0, seed=2))
    assert (row.reached, row.seconds_min) == (1, 100.0)
    assert math.isnan(row.seconds_median)
    assert math.isnan(row.epochs_median)


def on_a_gpu(*perplexities, joules=9000.0, **changes):
    """A run on a GPU whose epochs take this energy each, times their numbers; None: not measured."""
    record = learned(*perplexities, device="gpu", **changes)
    for row in record["history"]:
        if joules is not None:
            row["train_joules"] = joules * row["epoch"]
    return record


def test_the_energy_of_all_epochs_up_to_the_target_adds_up(rows):
    (row,) = rows(on_a_gpu(200.0, 121.0, 120.0))
    assert (row.joules_median, row.joules_per_epoch) == (9000.0 + 18000.0, 18000.0)


@pytest.mark.parametrize(
    ("runs", "energy", "per_epoch"),
    [
        ([on_a_gpu(120.0, 119.0)], "9,000", "13,500"),
        ([on_a_gpu(200.0, 199.0)], "not reached", "13,500"),
        ([on_a_gpu(120.0, joules=None)], "not measured", "not measured"),
        ([on_a_gpu(120.0), on_a_gpu(119.0, joules=None, seed=2)], "not measured", "not measured"),
    ],
    ids=["reached", "not reached", "not measured", "one of two not measured"],
)
def test_energy_is_shown_on_a_gpu_and_never_estimated(tables, tmp_path, runs, energy, per_epoch):
    (shown,) = by_dataset("time_to_quality", tables(*runs)["time_to_quality"])["ptb"].to_dict("records")
    assert (shown["GPU energy, J"], shown["J per epoch"]) == (energy, per_epoch)
    assert "by the driver's counter (NVML)" in (tmp_path / "tables/time_to_quality.md").read_text(encoding="utf-8")


def test_a_cpu_beside_a_gpu_is_not_measured(tables):
    table = tables(on_a_gpu(120.0), learned(120.0))["time_to_quality"]
    shown = by_dataset("time_to_quality", table)["ptb"].set_index("device")["GPU energy, J"]
    assert shown.to_dict() == {"cpu": "not measured", "gpu": "9,000"}


def test_not_reached_is_said_in_words(tables, tmp_path):
    table = tables(learned(120.0, seed=1), learned(122.0, seed=2))["time_to_quality"]
    (shown,) = by_dataset("time_to_quality", table)["ptb"].to_dict("records")
    assert shown == {
        "size": "small",
        "implementation": "pytorch",
        "device": "cpu",
        "target: validation perplexity": "121.39",
        "reached": "1 of 2",
        "seconds": "not reached",
        "shortest": "100",
        "longest": "not reached",
        "epochs": "not reached",
        "source of the target": "TensorFlow tutorial; the recipe used here",
    }
    assert "taking for ever" in (tmp_path / "tables/time_to_quality.md").read_text(encoding="utf-8")


def test_a_capped_run_has_a_looser_target_of_our_own(rows):
    (row,) = rows(learned(600.0, caps=CAPS))
    assert (row.caps, row.target, row.target_source, row.seconds_median) == (CAPS[0], 687.0, "", 100.0)


def test_runs_of_two_implementations_are_apart(rows):
    found = rows(learned(120.0), learned(120.0, implementation="tensorflow", seconds=50.0))
    assert [(row.implementation, row.seconds_median) for row in found] == [("pytorch", 100.0), ("tensorflow", 50.0)]


def test_a_size_without_a_target_says_so(tables, tmp_path):
    assert tables(make_record(size="gigantic"))["time_to_quality"].empty
    text = (tmp_path / "tables/time_to_quality.md").read_text(encoding="utf-8")
    assert "No run has a target in workflow/targets.tsv." in text


def test_the_table_reads_back_as_it_was_written(tables, tmp_path):
    built = tables(learned(120.0))["time_to_quality"]
    assert read_table(tmp_path / "tables/time_to_quality.csv").equals(built)

"""From measurements to the tables of speed: every number is one that can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from lstmbench.analysis.speed import analyse
from lstmbench.records.format import NOT_SEEN
from lstmbench.statistics.verdict import Kind, Verdict
from tests.factories.measurements import edited, make_measurement

SPEEDS = {"pytorch": [10.0, 10.2, 9.8, 10.1, 9.9], "tensorflow": [5.0, 5.1, 4.9, 5.05, 4.95]}


def tables(*measurements):
    return analyse(measurements)


def case(table, implementation):
    rows = table[table["implementation"] == implementation]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_speed_is_the_geometric_mean_over_the_processes_with_an_interval_around_it():
    row = case(tables(make_measurement(SPEEDS))["speed"], "pytorch")
    expected = 400 * math.exp(sum(map(math.log, SPEEDS["pytorch"])) / 5)
    assert row["rate"] == pytest.approx(expected, rel=1e-3)  # the blocks' own noise
    assert row["rate_low"] < row["rate"] < row["rate_high"]
    assert (row["processes"], row["blocks"], row["quotable"], row["verdict"]) == (5, 40, 1, Verdict(Kind.GOOD))
    assert row["step_ms"] == pytest.approx(100, rel=0.03)


def test_one_process_gives_a_speed_and_no_interval():
    row = case(tables(make_measurement({"pytorch": [10.0]}))["speed"], "pytorch")
    assert row["rate"] == pytest.approx(4000, rel=1e-3)
    assert math.isnan(row["rate_low"])


def test_the_share_of_the_ceiling_is_the_products_time_over_the_step_s_time():
    row = case(tables(make_measurement({"pytorch": [10.0] * 3}))["speed"], "pytorch")
    assert row["ceiling_ms"] == pytest.approx(50)
    assert row["share"] == pytest.approx(0.5, rel=1e-3)
    flops = 128e6 + 128e6 + 1.6e9
    assert row["gflops"] == pytest.approx(flops * 10 / 1e9, rel=1e-3)


def test_a_ratio_is_taken_round_by_round_with_the_faster_one_above():
    ratios = tables(make_measurement(SPEEDS))["ratios"]
    assert len(ratios) == 1
    row = ratios.iloc[0]
    assert (row["numerator"], row["denominator"], row["pairs"]) == ("pytorch", "tensorflow", 5)
    # The rounds' own drift hits both alike and cancels.
    assert row["low"] == pytest.approx(2, rel=1e-3)
    assert row["high"] == pytest.approx(2, rel=1e-3)


def test_of_a_round_that_was_repeated_the_last_attempt_counts():
    measurement = edited(
        make_measurement({"pytorch": [5.0, 10.0]}),
        samples__0__disturbances=["foreign CPU 30.0 % > 2.0 %"],
        samples__1__round=1,
        samples__1__attempt=2,
    )
    measurement.blocks.loc[measurement.blocks["round"] == 2, ["round", "attempt"]] = (1, 2)
    row = case(tables(measurement)["speed"], "pytorch")
    assert row["rate"] == pytest.approx(4000, rel=1e-3)
    assert (row["processes"], row["disturbed"]) == (1, "")
    assert row["path"] == "oneDNN LSTM", "the details of the first attempt count all the same"


def test_a_disturbed_case_says_so_beside_its_speed():
    measurement = make_measurement({"pytorch": [10.0]}, disturbances=["steal 4.5 % > 1.0 %"])
    assert case(tables(measurement)["speed"], "pytorch")["disturbed"] == "steal 4.5 % > 1.0 %"


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({"load__throttled_share": 0.95}, "its quota of CPU time was used up in 95.0 % of the periods"),
        ({"load__reachable_cores": 1}, "its 2 threads can run on 1 of the cores only"),
    ],
)
def test_a_speed_that_was_held_back_all_the_time_may_not_be_quoted_however_even_it_is(held, reason):
    found = tables(make_measurement(SPEEDS, disturbances=[reason], **held))
    row = case(found["speed"], "pytorch")
    assert row["verdict"] == Verdict(Kind.HELD_BACK, reason)
    assert (row["quotable"], row["disturbed"]) == (0, "")
    assert not found["ratios"]["quotable"].any()


def test_limits_that_do_not_bite_are_no_limits():
    free = {"load__throttled_share": 0.0, "load__reachable_cores": 2, "load__granted_share": 0.99}
    assert case(tables(make_measurement(SPEEDS, **free))["speed"], "pytorch")["verdict"] == Verdict(Kind.GOOD)


def test_a_case_that_drifts_is_not_quotable_and_nor_is_a_ratio_with_it():
    measurement = make_measurement({**SPEEDS, "drifting": [7.0] * 5}, blocks=20)
    rows = measurement.blocks["implementation"] == "drifting"
    slower = 1 + 0.01 * measurement.blocks.loc[rows, "block"]
    measurement.blocks.loc[rows, "seconds"] *= slower
    found = tables(measurement)
    row = case(found["speed"], "drifting")
    assert row["quotable"] == 0
    assert "drifts" in row["steady"]
    quoted = found["ratios"].set_index(["numerator", "denominator"])["quotable"]
    assert quoted["drifting", "tensorflow"] == 0
    assert quoted["pytorch", "tensorflow"] == 1


def test_blocks_that_spread_too_far_are_not_quotable():
    measurement = make_measurement({"pytorch": [10.0] * 3})
    measurement.blocks.loc[::2, "seconds"] *= 1.4
    row = case(tables(measurement)["speed"], "pytorch")
    assert row["quotable"] == 0
    assert row["verdict"].kind is Kind.SCATTERED


def test_an_implementation_that_failed_is_a_row_with_its_reason():
    found = tables(make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"}))
    row = case(found["speed"], "tensorflow")
    assert (row["processes"], row["quotable"], row["verdict"]) == (0, 0, Verdict(Kind.FAILED, "no GPU"))
    assert found["ratios"].empty


def test_a_group_of_which_all_failed_has_rows_all_the_same():
    found = tables(make_measurement({}, failures={"tensorflow": "no GPU"}))
    assert found["speed"]["verdict"].tolist() == [Verdict(Kind.FAILED, "no GPU")]


def test_the_parts_of_a_step_add_up_to_the_traced_step():
    anatomy = tables(make_measurement({"pytorch": [10.0]}))["anatomy"].set_index(["part", "direction"])
    assert anatomy["milliseconds"].sum() == pytest.approx(100)
    assert anatomy.loc[("output", "backward"), "milliseconds"] == pytest.approx(30)
    assert anatomy.loc[("output", "backward"), "product_milliseconds"] == pytest.approx(20)
    assert anatomy.loc[("recurrent", "forward"), "product_milliseconds"] == pytest.approx(30)
    assert anatomy.loc[("between operations", ""), "milliseconds"] == pytest.approx(20)


def test_an_anatomy_says_what_share_of_the_step_its_operations_take():
    anatomy = tables(make_measurement({"pytorch": [10.0]}))["anatomy"]
    assert anatomy["coverage"].tolist() == pytest.approx([0.8] * len(anatomy))


@pytest.mark.parametrize(("path", "step_seconds", "shown"), [(None, 0.1, NOT_SEEN), (None, None, ""), ("x", 0.1, "x")])
def test_a_path_that_was_looked_for_and_not_seen_is_told_from_one_that_nobody_looked_for(path, step_seconds, shown):
    trace = {"details__trace__path": path, "details__trace__step_seconds": step_seconds}
    nothing = {"details__trace__operations": []} if step_seconds is None else {}
    row = case(tables(make_measurement({"pytorch": [10.0]}, **trace, **nothing))["speed"], "pytorch")
    assert row["path"] == shown
    assert row["quotable"] == 1


def test_the_products_are_those_of_a_framework_over_all_its_implementations():
    found = tables(make_measurement({"pytorch": [10.0] * 2, "pytorch_fused": [12.0], "tensorflow": [5.0]}))["products"]
    mine = found[(found["framework"] == "pytorch") & (found["product"] == "layer 0 state")].iloc[0]
    assert mine["processes"] == 3
    assert mine["milliseconds"] == pytest.approx(20)
    assert mine["gflops"] == pytest.approx(128e6 / 0.020 / 1e9)

"""Bundles are compared case by case, and what cannot be compared says why."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from lstmbench import commands
from lstmbench.analysis.comparison import compare, listable, names, require_compared
from lstmbench.records.bundle import Records, pack
from lstmbench.records.measurement import write_measurement
from lstmbench.records.run_record import FailedRun
from lstmbench.records.tables import read_table
from lstmbench.reporting.comparison import shown, summary
from lstmbench.statistics.verdict import Kind, Verdict
from lstmbench.system.machine import Machine
from lstmbench.utils.conversion import converted
from lstmbench.utils.errors import DataError, UsageError, VerdictError
from lstmbench.utils.paths import ROOT
from tests.factories.certificates import make_certificate
from tests.factories.measurements import make_measurement
from tests.factories.records import make_failure, make_run, save
from tests.helpers.run_command import run_command

SEEDS = range(1, 7)
RATES = (5.0, 5.02, 4.99, 5.01, 5.0)
SPREAD = {seed: 1 + 0.001 * math.sin(seed) for seed in SEEDS}


def runs(factor=1.0, seeds=SEEDS, **changes):
    if "dataset" in changes:
        return [make_run(seed=seed, **changes) for seed in seeds]
    return [make_run(seed=seed, metric=114.0 * factor * SPREAD[seed] ** factor, **changes) for seed in seeds]


def speeds(factor=1.0, **changes):
    return [make_measurement({"pytorch": [factor * rate for rate in RATES]}, **changes)]


def against(first, second):
    return compare({"old": first, "new": second})


def only(table):
    (row,) = table.to_dict("records")
    return row


@pytest.mark.parametrize(("factor", "verdict"), [(1.001, "equal"), (1.05, "different")])
def test_quality_is_told_equal_or_different_over_pairs_of_seeds(factor, verdict):
    row = only(against(Records(runs(), []), Records(runs(factor), []))["quality"])
    assert row["verdict"] == Verdict(Kind(verdict))
    assert row["n"] == len(SEEDS)
    assert row["difference"] == pytest.approx(100 * (factor - 1), abs=0.1)
    assert row["low"] < row["difference"] < row["high"]


def test_only_seeds_that_both_have_are_compared():
    row = only(against(Records(runs(), []), Records(runs(seeds=[2, 3]), []))["quality"])
    assert (row["n"], row["seeds"], row["verdict"]) == (2, "2 3", Verdict(Kind.NO_CLAIM))


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "equal"), (1.1, "faster"), (0.9, "slower"), (1.019, "faster")])
def test_speed_is_told_faster_slower_or_equal(factor, verdict):
    row = only(against(Records([], speeds()), Records([], speeds(factor)))["speed"])
    assert row["verdict"] == Verdict(Kind(verdict))
    assert row["ratio"] == pytest.approx(factor)
    assert row["second_rate"] / row["first_rate"] == pytest.approx(factor)


def test_one_process_on_a_side_has_no_interval_which_is_not_one_that_is_too_wide():
    row = only(against(Records([], speeds()), Records([], [make_measurement({"pytorch": [9.0]})]))["speed"])
    assert row["verdict"] == Verdict(Kind.NO_INTERVAL)
    assert math.isnan(row["low"])


def test_a_case_without_an_interval_hides_no_change_of_another():
    # A loss with a p-value of 0.04, which Holm's correction for a second test would let pass.
    slower = make_measurement({"pytorch": [4.4, 4.8, 4.95, 4.75, 4.7]})
    lone = make_measurement({"pytorch": [5.0]}, size="medium")
    rows = against(Records([], [*speeds(), lone]), Records([], [slower, lone]))["speed"]
    assert {*map(str, rows["verdict"])} == {"no interval", "slower"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"settings__preset__learning_rate": 0.5}, "learning_rate differs: 0.5, 1.0"),
        ({"settings__max_updates": 9}, "max_updates differs: 9, None"),
        ({"data__sha256": "f" * 64}, "data differs"),
        ({"initial_weights_sha256": "f" * 64}, "no two runs of one seed from the same initial weights"),
    ],
)
def test_runs_that_differ_in_more_than_their_circumstances_are_not_compared(changes, reason):
    # One more case can be compared, because comparing nothing is an error.
    more = runs(dataset="mnist", seeds=[1])
    table = against(Records([*runs(), *more], []), Records([*runs(**changes), *more], []))["quality"]
    verdict = table.loc[table["dataset"] == "ptb", "verdict"].item()
    assert verdict.kind is Kind.NOT_COMPARED
    assert reason in verdict.reason


def test_runs_with_other_threads_are_compared_and_the_threads_named():
    tables = against(Records(runs(), []), Records(runs(settings__threads=2), []))
    assert only(tables["quality"])["difference"] == 0
    row = only(tables["circumstances"])
    assert (row["what"], row["first"], row["second"]) == ("threads of runs", "1", "2")


def test_a_case_that_only_one_has_is_named():
    table = against(Records(runs(), speeds()), Records(runs(), speeds(size="medium")))["speed"]
    assert {*map(str, table["verdict"])} == {"missing: only in the first", "not compared: only in the second"}


def test_a_speed_that_may_not_be_quoted_is_not_compared():
    failed, good = [make_measurement({}, failures={"pytorch": "out of memory"})], speeds()
    worse = only(against(Records(runs(), good), Records(runs(), failed))["speed"])
    better = only(against(Records(runs(), failed), Records(runs(), good))["speed"])
    assert worse["verdict"] == Verdict(Kind.FAILED, "second: out of memory")
    assert better["verdict"] == Verdict(Kind.NOT_COMPARED, "first failed: out of memory")


def test_a_case_of_which_a_run_failed_in_the_second_has_failed_however_many_others_ended():
    failure = converted(make_failure(seed=2, message="a loss diverged"), FailedRun, "made")
    worse = against(Records(runs(), []), Records(runs(seeds=[1, 3]), [], failures=[failure]))
    assert only(worse["quality"])["verdict"] == Verdict(Kind.FAILED, "second: seed 2: a loss diverged")
    better = against(Records([], [], failures=[failure]), Records(runs(), []))
    assert only(better["quality"])["verdict"] == Verdict(Kind.NOT_COMPARED, "first failed: seed 2: a loss diverged")


def test_what_differs_in_machine_and_libraries_is_named_and_nothing_else():
    newer = runs(versions__torch="2.14.0", machine__cpu="Another CPU")
    table = against(Records(runs(), []), Records(newer, []))["circumstances"]
    assert table.set_index("what")[["first", "second"]].T.to_dict("list") == {
        "cpu": ["Example CPU", "Another CPU"],
        "torch": ["2.13.0", "2.14.0"],
    }


@pytest.mark.parametrize("field", Machine.__struct_fields__)
def test_whatever_differs_between_two_machines_is_named(field):
    other = {"cores": 64, "memory_bytes": 50_000_000_000, "cpu_quota": 1.5}.get(field, "another")
    if field in ("switches", "spin_limits"):
        other = {"OMP_PROC_BIND": "true"}
    table = against(Records(runs(), []), Records(runs(**{f"machine__{field}": other}), []))["circumstances"]
    named = {"capability": "cpu", "memory_bytes": "memory_gb"}.get(field, field)
    assert only(table)["what"] == named


def test_certificates_are_not_compared():
    certified = Records(runs(), speeds(), [make_certificate(), make_certificate("pytorch", "gpu-tf32")])
    found, expected = (against(Records(runs(), speeds()), one) for one in (certified, Records(runs(), speeds())))
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table)


def test_many_comparisons_of_the_same_cry_wolf_no_more_often_than_one():
    # 40 cases, each slower by what alone would pass for a difference in one case of twenty.
    cases = [make_measurement({"pytorch": [5.0, 5.4, 4.7, 5.2, 5.1]}, size=f"s{place}") for place in range(40)]
    slower = [make_measurement({"pytorch": [4.7, 5.0, 4.3, 4.8, 4.6]}, size=f"s{place}") for place in range(40)]
    assert Verdict(Kind.SLOWER) in set(against(Records([], cases[:1]), Records([], slower[:1]))["speed"]["verdict"])
    together = against(Records([], cases), Records([], slower))["speed"]["verdict"]
    assert set(together) == {Verdict(Kind.INCONCLUSIVE)}


def test_bundles_without_a_common_case_are_refused():
    tables = against(Records(runs(), []), Records(runs(dataset="mnist"), []))
    with pytest.raises(DataError, match="expected a case that can be compared, found none: missing: only in the first"):
        require_compared(tables)


@pytest.fixture
def bundles(tmp_path):
    paths = []
    for name, factor in (("old", 1.0), ("new", 1.05), ("newest", 0.9)):
        save(tmp_path / name, *runs(factor))
        (measurement,) = speeds(factor)
        write_measurement(tmp_path / name / "measurements/ptb/small/cpu/measurement.json", measurement)
        pack(tmp_path / name, tmp_path / f"{name}.zip")
        paths.append(tmp_path / f"{name}.zip")
    return paths


def test_three_bundles_make_tables_a_page_and_a_summary(bundles, tmp_path, capsys):
    run_command("compare", [*map(str, bundles), "--output-dir", str(tmp_path / "out")])
    table = read_table(tmp_path / "out/speed.csv")
    found = dict(zip(table["bundle"], table["verdict"], strict=True))
    assert found == {"new": Verdict(Kind.FASTER), "newest": Verdict(Kind.SLOWER)}
    printed = capsys.readouterr().out
    assert "newest, speed: 1 slower" in printed
    assert "  ptb/small/pytorch/cpu: slower, 0.90 times as fast" in printed
    page = (tmp_path / "out/comparison.md").read_text()
    assert page.startswith("# new and newest against old")
    assert "+5.00 %" in page
    html = (tmp_path / "out/comparison.html").read_text()
    assert "<h1>lstm-bench: new and newest against old</h1>" in html
    assert '<td class="num" data-label="difference" data-sort="5.00">+5.00 %</td>' in html
    assert "<li>newest, speed: 1 slower</li>" in html


@pytest.mark.parametrize("listed", ["slower", "different", "slower,different", "different, slower"])
def test_a_verdict_that_is_listed_ends_the_command_with_10_after_its_tables(bundles, tmp_path, listed):
    old, *newer = map(str, bundles)
    with pytest.raises(VerdictError, match=r"found 2 different \(|found 1 slower \(") as caught:
        run_command("compare", [old, *newer, "--fail-on", listed, "--output-dir", str(tmp_path / "out")])
    assert caught.value.exit_code == 10
    assert "of ptb/small/pytorch/cpu" in str(caught.value)
    assert (tmp_path / "out/comparison.html").exists()


@pytest.mark.parametrize("listed", ["inconclusive", "missing,failed,not-compared", "no-claim,no-interval"])
def test_verdicts_that_no_case_has_end_the_command_well(bundles, tmp_path, listed):
    run_command("compare", [*map(str, bundles), "--fail-on", listed, "--output-dir", str(tmp_path / "out")])


def test_only_listed_verdicts_count_and_their_absence_is_no_excuse_for_comparing_nothing(tmp_path, capsys):
    for name, records in (("old", runs()), ("new", runs(dataset="mnist"))):
        save(tmp_path / name, *records)
        pack(tmp_path / name, tmp_path / f"{name}.zip")
    words = [str(tmp_path / "old.zip"), str(tmp_path / "new.zip"), "--output-dir", str(tmp_path / "out")]
    with pytest.raises(DataError, match="expected a case that can be compared"):
        run_command("compare", [*words, "--fail-on", "failed"])
    with pytest.raises(VerdictError, match=r"found 1 missing \(quality of ptb/small/pytorch/cpu\)"):
        run_command("compare", [*words, "--fail-on", "missing"])
    printed = capsys.readouterr().out
    assert "  new, quality of ptb/small/pytorch/cpu: missing: only in the first" in printed
    assert "  new, quality of mnist/small/pytorch/cpu: not compared: only in the second" in printed


def test_an_unknown_verdict_is_refused_with_those_that_there_are():
    expected = r"--fail-on: unknown verdict 'slow' \(did you mean slower\?\); known: slower, faster, different, "
    with pytest.raises(
        UsageError, match=expected + "inconclusive, no-claim, no-interval, failed, missing, not-compared"
    ):
        listable("different,slow")


@pytest.mark.parametrize(("order", "code"), [((0, 1), 0), ((1, 0), 10)])
def test_one_of_two_baseline_machines_is_slower_than_the_other_and_not_the_other_way_round(order, code, tmp_path):
    both = [ROOT / f"results/baselines/amd-epyc-{kind}2-cores.zip" for kind in ("", "avx512-")]
    words = [str(both[place]) for place in order]
    assert commands.main(["compare", *words, "--fail-on", "slower,different", "--output-dir", str(tmp_path)]) == code


def test_runs_that_agree_in_every_bit_differ_by_a_zero_without_a_minus():
    parts, _ = shown(against(Records(runs(), []), Records(runs(), [])))
    row = only(parts["Quality"])
    assert (row["difference"], row["95 % interval"], row["verdict"]) == ("+0.00 %", "+0.00 % to +0.00 %", "equal")


def test_the_summary_of_several_speeds_says_by_how_much():
    def measured(*factors):
        rates = {f"pytorch-{place}": [factor * rate for rate in RATES] for place, factor in enumerate(factors)}
        return Records([], [make_measurement(rates)])

    lines = summary(against(measured(1.0, 1.0, 1.0), measured(1.1, 2.0, 1.5)))
    assert lines == ["new, speed: 3 faster; 1.10 to 2.00 times as fast, median 1.50"]


def test_a_bundle_is_not_compared_with_itself_or_with_none(bundles, tmp_path):
    for given in (bundles[:1], bundles[:1] * 2):
        with pytest.raises(UsageError, match="two or more different bundles"):
            run_command("compare", [*map(str, given), "--output-dir", str(tmp_path)])


def test_bundles_of_one_file_name_are_called_by_their_paths():
    assert names([Path("a/bundle.zip"), Path("b/bundle.zip")]) == ["a/bundle.zip", "b/bundle.zip"]
    assert names([Path("a/old.zip"), Path("b/new.zip")]) == ["old", "new"]

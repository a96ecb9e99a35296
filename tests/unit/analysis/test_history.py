"""Many bundles make one table: a history whose changes are marked, or a ranking of machines."""

from __future__ import annotations

import pytest

from lstmbench.analysis.history import history
from lstmbench.records.bundle import Records
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting.history import shown, summary
from lstmbench.statistics.verdict import Kind
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.paths import ROOT
from tests.factories.certificates import make_certificate
from tests.factories.measurements import edited, make_measurement
from tests.factories.records import CAPS, make_run
from tests.helpers.run_command import run_command

VERSIONS = [f"2.{minor}.0" for minor in range(6, 16)]
"""Ten of them; by their text 2.10.0 would come before 2.9.0."""


def bundle(place: int, factor: float = 1.0, metric: float = 113.6, cpu: str = "Example CPU", **changes) -> Records:
    """Records of a version, whose speed has a little noise."""
    version, noise = VERSIONS[place], 1 + 0.003 * (-1) ** (place // 2)
    run = make_run(
        metric=metric, versions__torch=version, machine__cpu=cpu, started=f"2026-02-{20 - place:02}T03:04:05+00:00",
        finished=f"2026-02-{20 - place:02}T04:04:05+00:00",
    )  # fmt: skip
    rates = [factor * noise * rate for rate in (5.0, 5.02, 4.99)]
    measured = make_measurement({"pytorch": rates}, versions__torch=version, **changes)
    return Records([run], [edited(measured, machine__cpu=cpu, started=run.started, finished=run.finished)])


def bundles(slow_from: int = 99, order=range(10)) -> dict[str, Records]:
    return {f"b{place}": bundle(place, 0.9 if place >= slow_from else 1.0) for place in order}


def test_a_history_is_in_the_order_of_versions_or_of_dates_however_the_bundles_are_given():
    given = bundles(order=[3, 9, 0, 4, 1])
    assert [*history(given, "version")["version"]] == [f"torch {VERSIONS[place]}" for place in (0, 1, 3, 4, 9)]
    assert [*history(given, "date")["bundle"]] == ["b9", "b4", "b3", "b1", "b0"]


@pytest.mark.parametrize(("by", "first"), [("version", "b6"), ("date", "b5")])
def test_the_row_from_which_on_a_speed_is_another_is_marked_with_the_change(by, first):
    rows = history(bundles(slow_from=6), by)
    marked = rows[rows["speed_change"].notna()]
    assert [*marked["bundle"]] == [first]
    sign = -1 if by == "version" else 1  # by date the slow ones come first
    assert marked["speed_change"].item() == pytest.approx(0.1 * sign, abs=0.02)
    (line,) = [line for line in summary(rows, by) if "speed" in line]
    assert line.startswith("ptb/small/pytorch/cpu: speed ")
    assert f"from {first} (torch 2." in line


def test_a_change_of_quality_is_marked_too():
    rows = history({f"b{place}": bundle(place, metric=113.0 if place < 7 else 116.0) for place in range(10)}, "version")
    assert [*rows.loc[rows["quality_change"].notna(), "bundle"]] == ["b7"]
    assert rows["quality_change"].max() == pytest.approx(116 / 113 - 1)
    parts, _ = shown(rows, "version")
    assert [cell for cell in parts["ptb"]["change"] if "quality" in cell] == ["quality +2.65 %"]


def test_a_steady_history_and_another_machine_change_nothing():
    assert history(bundles(), "version")["speed_change"].isna().all()
    two = {f"b{place}": bundle(place, *(0.5, 113.6, "Slow CPU") if place >= 5 else ()) for place in range(10)}
    assert history(two, "version")["speed_change"].isna().all()


def test_a_row_has_both_values_with_intervals_the_processor_and_the_certificate():
    certified = bundle(0)
    runs = [*certified.runs, make_run(seed=2, metric=115.0, versions__torch=VERSIONS[0])]
    records = Records(runs, certified.measurements, [make_certificate("pytorch", "cpu")])
    (row,) = history({"one": records}, "date").to_dict("records")
    assert row["rate_low"] < row["rate"] < row["rate_high"]
    assert row["low"] < row["mean"] < row["high"]
    assert (row["n"], row["processes"], row["threads"]) == (2, 3, 2)
    assert (row["processor"], row["certificate"]) == ("Example CPU", "within tolerance")
    assert history({"one": bundle(0)}, "date")["certificate"].item() == "none"


def test_a_speed_that_may_not_be_quoted_is_not_shown_and_says_why():
    failed = Records([], [make_measurement({}, failures={"pytorch": "out of memory"})])
    rows = history({"good": bundle(0), "bad": failed}, "version")
    (bad,) = rows[rows["bundle"] == "bad"].to_dict("records")
    assert bad["verdict"].kind is Kind.FAILED
    parts, _ = shown(rows, "version")
    cells = parts["ptb"].set_index("bundle").loc["bad"]
    assert (cells["speed"], cells["verdict"]) == ("\N{EN DASH}", "failed: out of memory")


def test_machines_are_ranked_by_speed_within_a_case_and_a_number_of_threads():
    given = {
        "slow": bundle(0, 0.5, cpu="Slow CPU"),
        "fast": bundle(0, 2.0, cpu="Fast CPU"),
        "middle": bundle(0),
        "untimed": Records([make_run()], []),
    }
    rows = history(given, "machine")
    assert [*rows["bundle"]] == ["fast", "middle", "slow", "untimed"]
    assert [*rows["rank"].fillna(0)] == [1, 2, 3, 0]
    assert summary(rows, "machine")[1:] == [
        "fast (Fast CPU): fastest in 1 of 1 cases that it shares with others",
        "middle (Example CPU): fastest in 0 of 1 cases that it shares with others",
        "slow (Slow CPU): fastest in 0 of 1 cases that it shares with others",
    ]
    parts, _ = shown(rows, "machine")
    assert [*parts["ptb"]["rank"]] == ["1", "2", "3", "\N{EN DASH}"]


def test_a_speed_whose_case_has_capped_runs_too_is_counted_once():
    def capped_too(place: int, factor: float = 1.0) -> Records:
        found = bundle(place, factor)
        capped = make_run(seed=2, caps=CAPS, versions__torch=VERSIONS[place], started=found.runs[0].started)
        return Records([*found.runs, capped], found.measurements)

    rows = history({f"b{place}": capped_too(place, 1.2 if place else 1.0) for place in range(5)}, "date")
    assert [*rows["caps"]] == ["", *CAPS] * 5
    assert rows["rate"].notna().sum() == 5  # too few for a change of level
    assert rows["speed_change"].isna().all()
    assert summary(history({"one": capped_too(0)}, "machine"), "machine")[1:] == [
        "1 speeds are of a case that only one machine measured"
    ]


def test_a_quality_whose_speed_was_measured_with_several_threads_is_in_one_row():
    more = edited(bundle(0).measurements[0], threads=4)
    rows = history({"one": Records(bundle(0).runs, [*bundle(0).measurements, more])}, "date")
    assert [*rows["threads"]] == [2, 4]
    assert rows["mean"].notna().sum() == 1


def test_another_recipe_is_a_row_of_its_own_that_says_so():
    other = Records([make_run(settings__preset__learning_rate=0.5, versions__torch=VERSIONS[0])], [])
    parts, _ = shown(history({"one": bundle(0), "other": other}, "date"), "date")
    assert parts["ptb"]["recipe"].nunique() == 2
    parts, _ = shown(history({"one": bundle(0), "other": bundle(1)}, "date"), "date")
    assert "recipe" not in parts["ptb"]


def test_nothing_is_refused():
    with pytest.raises(DataError, match="expected a complete run or a speed, found none"):
        history({"one": Records([], []), "two": Records([], [])}, "date")


def test_the_table_reads_back_as_it_was(tmp_path):
    rows = history(bundles(slow_from=6), "version")
    write_table(tmp_path / "history.csv", rows)
    for name in ("history.csv", "history.parquet"):
        read = read_table(tmp_path / name)
        assert [*read["version"]] == [*rows["version"]]
        assert read["speed_change"].notna().sum() == 1


def test_the_baseline_machines_make_one_ranking_as_a_page(tmp_path, capsys):
    machines = sorted((ROOT / "results/baselines").glob("*.zip"))
    run_command("compare", [*map(str, machines), "--by", "machine", "--output-dir", str(tmp_path)])
    assert "fastest in 30 of 30 cases that it shares" in capsys.readouterr().out
    page = (tmp_path / "history.html").read_text(encoding="utf-8")
    assert f"<h1>lstm-bench: {len(machines)} bundles by machine</h1>" in page
    assert "NVIDIA H200" in page


def test_a_history_has_no_verdicts_to_fail_on(tmp_path):
    with pytest.raises(UsageError, match="--by and --fail-on: expected one of them"):
        run_command("compare", ["a.zip", "b.zip", "--by", "date", "--fail-on", "slower", "--output-dir", str(tmp_path)])

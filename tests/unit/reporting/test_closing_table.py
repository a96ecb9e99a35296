"""The closing table: at most 100 columns, and as honest as the tables it is made from."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from lstmbench.analysis import speed
from lstmbench.records.tables import write_table
from lstmbench.reporting import closing_table
from lstmbench.statistics.verdict import Kind, Verdict
from tests.factories.measurements import edited, make_measurement
from tests.factories.records import CAPS, make_failure, make_pair, make_record, save
from tests.factories.tables import PUBLISHED, TARGETS
from tests.helpers.run_command import run_command


@pytest.fixture
def closed(tmp_path):
    """The closing table of these records and measurements."""

    def build(*records, measured=(), options=()):
        tables = tmp_path / "tables"
        if records:
            run_command("collect", ["--output-dir", str(tables), *map(str, save(tmp_path, *records))])
            run_command("tabulate", ["--tables", str(tables), "--published", str(PUBLISHED), "--targets", str(TARGETS)])
        for name, table in speed.analyse(measured).items():
            write_table(tables / f"{name}.csv", table)
        output = tmp_path / "closing.txt"
        options = [*options, "--tables", str(tables), "--details", "results/report.html", "--output", str(output)]
        run_command("closing", options)
        text = output.read_text(encoding="utf-8")
        assert max(map(len, text.splitlines())) <= closing_table.WIDTH
        return text

    return build


def rows(text):
    return [line for line in text.splitlines() if line.startswith(("ptb", "mnist"))]


def seeds(first, second, count=5):
    return [record for seed in range(1, count + 1) for record in make_pair(seed, first, second * (1 + seed / 1e5))]


def test_a_row_has_its_quality_its_speed_and_the_verdict_against_the_first_and_the_page_comes_last(closed):
    measured = [make_measurement({"pytorch": [10.0], "tensorflow": [5.0]})]
    text = closed(*seeds(110.0, 110.1), measured=measured)
    first, second = rows(text)
    assert "lower" in text
    assert "higher is better" in text
    assert "110.00 (5 seeds)" in first
    assert second.endswith("equal, ~0.50x as fast")
    assert closing_table.ONE_PROCESS in text
    assert text.endswith("\nThe page: results/report.html\n")


@pytest.mark.parametrize(
    ("second", "count", "verdict"), [(115.0, 5, "worse"), (105.0, 5, "better"), (110.0, 4, "too few seeds")]
)
def test_the_verdict_is_that_of_the_table_of_differences_and_says_which_way(closed, second, count, verdict):
    assert rows(closed(*seeds(110.0, second, count)))[1].endswith(verdict)


def test_a_higher_accuracy_is_better(closed):
    records = []
    for seed in range(1, 6):
        for name, value in (("pytorch", 0.95), ("tensorflow", 0.97)):
            record = make_record("mnist", seed=seed, implementation=name)
            record["final"]["accuracy"] = value + seed / 1e4
            records.append(record)
    assert rows(closed(*records))[1].endswith("better")


def test_a_run_that_was_cut_short_and_one_that_failed_are_said_to_be(closed):
    failure = {"exit_code": 5, "message": "E5-DIVERGED: the loss is nan; found nan at update 3"}
    failed = {key: make_record()[key] for key in ("schema_version", "run")} | {
        "task": "language_model", "failed": "2026-01-02T03:04:05+00:00", "failure": failure,
    }  # fmt: skip
    failed["run"] = failed["run"] | {"implementation": "reference"}
    pytorch, reference, tensorflow = rows(closed(*make_pair(caps=CAPS), failed))
    assert pytorch.endswith("cut short")
    assert tensorflow.endswith("cut short")
    assert re.search(r" failed +.* E5-DIVERGED: the loss is", reference)


def test_a_speed_that_could_not_be_measured_says_why_in_a_sentence(closed):
    measured = [make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU; found none"})]
    text = closed(*make_pair(), measured=measured)
    assert re.search(r" failed +no GPU, too few seeds", rows(text)[1])
    assert "found none" not in text


def test_a_speed_that_may_not_be_quoted_stands_in_brackets_and_gives_no_ratio(closed):
    measured = [make_measurement({"pytorch": [10.0], "tensorflow": [5.0]}, load__throttled_share=0.5)]
    text = closed(*make_pair(), measured=measured)
    assert all(re.search(r"\([\d,]+ words/s\)", row) for row in rows(text))
    assert rows(text)[1].endswith("too few seeds, speed unclear")
    assert "x as fast" not in text
    assert closing_table.BRACKETS in text


def test_a_speed_that_was_disturbed_has_a_mark_which_is_explained(closed):
    quiet = [make_measurement({"pytorch": [10.0]})]
    busy = [make_measurement({"pytorch": [10.0]}, disturbances=["steal 4.5 % > 1.0 %"], load__steal_share=0.045)]
    assert not re.search(r"words/s\*|\*:", closed(make_record(), measured=quiet))
    text = closed(make_record(), measured=busy)
    assert re.search(r"words/s\* ", rows(text)[0])
    assert closing_table.DISTURBED in text


STEAL = "steal 4.5 % > 1.0 %"


def disturb(measurement, *names):
    """The measurement with every process of these implementations disturbed."""

    def edit(sample):
        if sample["implementation"] in names:
            sample["disturbances"] = [STEAL]
            sample["load"]["steal_share"] = 0.045

    return edited(measurement, edit)


def test_a_ratio_with_a_disturbed_speed_has_its_mark(closed):
    speeds = {"pytorch": [10.0] * 5, "tensorflow": [5.0] * 5}
    records = [make_record(implementation=name) for name in speeds]
    assert "0.50x as fast\n" in closed(*records, measured=[make_measurement(speeds)])
    text = closed(*records, measured=[disturb(make_measurement(speeds), *speeds)])
    assert rows(text)[1].endswith("0.50x as fast*")
    assert closing_table.DISTURBED in text


def test_the_others_are_compared_with_one_that_was_not_disturbed_if_there_is_one(closed):
    speeds = {"jax": [4.0] * 5, "pytorch": [10.0] * 5, "tensorflow": [5.0] * 5}
    measured = [disturb(make_measurement(speeds), "jax")]
    base, *others = rows(closed(measured=measured, options=["--speed-only"]))
    assert re.search(rf" pytorch .* {closing_table.BASE}$", base)
    assert [re.search(r"(\S+) as fast.*", row)[0] for row in others] == ["0.40x as fast*", "0.50x as fast"]


def test_the_others_are_compared_with_one_that_trained_and_has_a_quotable_speed_if_there_is_one(closed):
    speeds = {"jax": [4.0] * 5, "pytorch": [10.0] * 5, "tensorflow": [5.0] * 5}
    failure = make_failure(implementation="jax")
    records = [make_record(implementation=name) for name in ("pytorch", "tensorflow")]
    measured = [make_measurement(speeds)]
    base, *_ = rows(closed(failure, *records, measured=measured))
    assert re.search(rf" pytorch .* {closing_table.BASE}$", base)


def test_of_many_rows_some_are_shown_and_the_others_counted(closed):
    records = [make_record(implementation=f"made{number:02}") for number in range(closing_table.MAX_ROWS + 3)]
    text = closed(*records)
    assert len(rows(text)) == closing_table.MAX_ROWS
    assert "3 more rows." in text


def test_names_of_any_length_fit(closed):
    long = "a" * 64
    text = closed(make_record(implementation=long), make_record(implementation=f"{long[:-1]}b"))
    assert text.count("a") >= 64 + 63  # nothing is cut off


def test_speeds_alone_need_no_runs(closed):
    text = closed(measured=[make_measurement({"pytorch": [10.0], "tensorflow": [5.0]})], options=["--speed-only"])
    assert rows(text)[1].endswith("~0.50x as fast")
    assert text.endswith("\nSpeeds: results/report.html\n")


def test_a_difference_is_turned_round_where_the_table_has_it_the_other_way():
    row = {"dataset": "ptb", "size": "small", "device": "cpu", "metric": "perplexity"}
    pair = {"first": "b", "second": "a", "mean": 3.0, "verdict": Verdict(Kind.DIFFERENT)}
    table = pd.DataFrame([row | pair])
    quality = {"failure": "", "caps": ""}
    assert closing_table._on_quality(quality, table, "a", "b") == "better"
    assert closing_table._on_quality(quality, table, "b", "a") == "worse"

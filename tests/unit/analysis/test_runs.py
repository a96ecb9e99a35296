"""Collect turns records into tables and refuses what is missing, bad or doubled."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml

from lstmbench.analysis.runs import collect
from lstmbench.records.tables import read_table
from lstmbench.utils.errors import DataError
from lstmbench.utils.paths import ROOT
from tests.factories.records import WORDS_RIGHT, make_record, save
from tests.helpers.run_command import run_command


def test_every_run_is_one_row_and_every_epoch_one(tmp_path):
    tables = collect(save(tmp_path, make_record(seed=2, epochs=3), make_record(seed=1), make_record("mnist")))
    assert tables["runs"][["dataset", "seed"]].to_numpy().tolist() == [["mnist", 1], ["ptb", 1], ["ptb", 2]]
    assert tables["history"].groupby(["dataset", "seed"]).size().tolist() == [2, 2, 3]
    assert tables["milestones"]["predictions"].tolist() == [10000, 128]


CAPS = ["trained for 4,646 of 30,199 updates", "evaluated on the first 2,000 predictions"]


def test_a_row_holds_the_records_values_in_the_named_units(tmp_path):
    record = make_record(caps=CAPS, settings__max_eval_predictions=2000, resumed=1)
    row = collect(save(tmp_path, record))["runs"].iloc[0]
    assert row["caps"] == "; ".join(CAPS)
    assert (row["resumed"], row["updates"], row["epochs"], row["threads"]) == (1, 4646, 2, 1)
    assert math.isclose(row["test_perplexity"], 113.6)
    assert math.isclose(row["test_accuracy"], WORDS_RIGHT)
    assert math.isclose(row["valid_perplexity"], 113.6)  # of the last epoch, not of the first
    assert math.isclose(row["train_perplexity"], 113.6 / math.e)
    assert (row["peak_rss_mb"], row["memory_gb"]) == (900.0, 25)
    assert row["versions"] == "numpy 2.4.6, torch 2.13.0"


def test_tables_read_back_as_they_were_written(tmp_path):
    paths = save(tmp_path, make_record("mnist", commit="1" * 40), make_record("markov"))
    run_command("collect", ["--output-dir", str(tmp_path / "tables"), *map(str, paths)])
    runs = read_table(tmp_path / "tables" / "runs.csv")
    assert runs["commit"].tolist() == ["0123456789abcdef" * 2 + "01234567", "1" * 40]
    assert runs["gpu"].tolist() == ["", ""]
    assert runs["source_perplexity"].tolist()[0] == 20.5
    assert runs["source_test_perplexity"].tolist()[0] == pytest.approx(20.0)
    assert runs["test_perplexity"].isna().tolist() == [False, True]
    assert {path.name for path in (tmp_path / "tables").glob("*.csv")} == {
        "runs.csv", "history.csv", "milestones.csv", "settings.csv", "failures.csv"
    }  # fmt: skip


def test_the_settings_of_a_size_stand_in_one_row_whoever_ran_them(tmp_path):
    records = [make_record(implementation=name, seed=seed) for name in ("pytorch", "tensorflow") for seed in (1, 2)]
    settings = collect(save(tmp_path, *records, make_record(size="large")))["settings"]
    assert settings["size"].tolist() == ["large", "small"]


def test_a_missing_run_is_an_error_by_name(tmp_path):
    (path,) = save(tmp_path, make_record())
    absent = path.parents[1] / "seed-2" / "run.json"
    with pytest.raises(DataError, match=r"seed-2/run\.json: cannot be read"):
        collect([path, absent])


def test_a_bad_run_is_an_error_by_name(tmp_path):
    good, bad = save(tmp_path, make_record(), make_record(seed=2))
    bad.write_text(bad.read_text(encoding="utf-8").replace('"resumed": 0', '"resumed": -1'), encoding="utf-8")
    with pytest.raises(DataError, match=r"seed-2/run\.json at \$\.resumed"):
        collect([good, bad])


def test_the_same_run_from_two_places_is_refused(tmp_path):
    first = save(tmp_path / "a", make_record())
    second = save(tmp_path / "b", make_record())
    with pytest.raises(DataError, match="the run ptb/small/pytorch/cpu/1 was already read from"):
        collect(first + second)


def test_no_run_at_all_is_refused():
    with pytest.raises(DataError, match="nothing to collect"):
        collect([])


def test_a_selection_of_thousands_needs_no_path_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config |= {"datasets": ["mnist"], "sizes": ["small"], "implementations": ["pytorch"], "device": "cpu"}
    config |= {"seeds": [1, 2], "results": "there"}
    save(Path("there"), *(make_record("mnist", seed=seed) for seed in (1, 2, 3)))
    run_command("collect", ["--output-dir", "tables", "--selection", json.dumps(config)])
    assert read_table(Path("tables/runs.csv"))["seed"].tolist() == [1, 2]


def own_text(level, name):
    return make_record(
        name,
        data__facts={"vocab_size": 10_000, "level": level, "about": f"A text read by {level}s."},
        speed__unit=f"{level}s/s",
    )


def test_what_is_said_of_own_data_and_what_a_perplexity_is_per_are_columns(tmp_path):
    rows = collect(save(tmp_path, own_text("character", "novel"), make_record("mnist")))["runs"]
    assert rows[["dataset", "level", "about"]].to_numpy().tolist() == [
        ["mnist", "", ""],
        ["novel", "character", "A text read by characters."],
    ]


@pytest.mark.parametrize("other", ["ptb", "story"])
def test_perplexities_per_word_and_per_character_never_share_a_table(tmp_path, other):
    words = make_record("ptb") if other == "ptb" else own_text("word", other)
    message = rf"cannot be compared, found novel/.* by characters and {other}/.* by words"
    with pytest.raises(DataError, match=message):
        collect(save(tmp_path, own_text("character", "novel"), words))

"""Golden tables, small enough to check by hand."""

from __future__ import annotations

import functools
import math

import pandas as pd
import pytest

from lstmbench.reporting.quality import by_dataset
from tests.factories.records import CAPS, make_pair, make_record
from tests.factories.tables import make_tables


@pytest.fixture
def tables(tmp_path):
    """Collected and tabulated tables of the records given, by name."""
    return functools.partial(make_tables, tmp_path)


def test_perplexities_are_averaged_as_logarithms(tables):
    row = tables(make_record(seed=1, metric=100.0), make_record(seed=2, metric=400.0))["quality"].iloc[0]
    assert math.isclose(row["test_mean"], 200.0)  # the plain mean would be 250
    assert (row["n"], row["seeds"]) == (2, "1 2")
    assert math.isclose(row["test_min"], 100.0)
    assert math.isclose(row["test_max"], 400.0)


def test_accuracies_are_averaged_as_they_are(tables):
    built = tables(make_record("mnist", seed=1, metric=0.98), make_record("mnist", seed=2, metric=0.99))
    row = built["quality"].iloc[0]
    assert math.isclose(row["test_mean"], 0.985)


def test_the_best_published_value_stands_beside_a_complete_run(tables):
    quality = tables(make_record(metric=117.935), make_record("mnist", metric=0.984))["quality"].set_index("dataset")
    ptb, mnist = quality.loc["ptb"], quality.loc["mnist"]
    assert (ptb["published"], ptb["published_source"]) == (114.5, "Zaremba et al. 2014")  # the tutorial: 115.91
    assert math.isclose(ptb["difference"], 3.0)  # %: 117.935 / 114.5 = 1.03
    assert (ptb["published_valid"], ptb["published_valid_source"]) == (120.7, "Zaremba et al. 2014")
    assert mnist["published"] == 0.989
    assert math.isclose(mnist["difference"], -0.5)  # percentage points


def test_a_capped_run_is_compared_with_nothing_published(tables):
    quality = tables(make_record(caps=CAPS), make_record("mnist", caps=CAPS))
    assert quality["quality"]["caps"].tolist() == CAPS * 2
    assert quality["quality"][["published", "difference", "published_valid"]].isna().all(axis=None)
    assert (quality["quality"]["published_source"] == "").all()
    assert (quality["milestone_means"]["published_values"] == "").all()


def test_a_capped_run_is_marked_wherever_it_is_shown(tables, tmp_path):
    tables(*make_pair(caps=CAPS))
    for name in ("quality", "differences"):
        text = (tmp_path / "tables" / f"{name}.md").read_text(encoding="utf-8")
        assert "| small, capped" in text
        assert f"capped: {CAPS[0]}" in text


@pytest.mark.parametrize(
    "change",
    [
        {"settings__preset__learning_rate": 0.5},
        {"settings__threads": 2},
        {"machine__cpu": "Another CPU"},
        {"machine__capability": "avx512f"},
        {"machine__python": "3.12.1"},
        {"machine__switches": {"OMP_PROC_BIND": "true"}},
        {"versions": {"numpy": "2.4.6", "torch": "2.14.0"}},
        {"data__sha256": "0" * 64},
        {"caps": CAPS},
    ],
)
def test_runs_that_differ_in_more_than_the_seed_are_never_averaged(tables, change):
    built = tables(make_record(seed=1), make_record(seed=2), make_record(seed=3, **change))
    assert sorted(built["quality"]["n"]) == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"machine__cores": 64},
        {"machine__memory_bytes": 50_000_000_000},
        {"machine__gpu": "A GPU"},
        {"machine__os": "Linux 6.12 x86_64"},
        {"machine__python": "3.11.9"},
        {"machine__switches": {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_DISPLAY_ENV": "TRUE", "TORCH_LOGS": "all"}},
        {"machine__spin_limits": {"GOMP_SPINCOUNT": "1000"}},
    ],
)
def test_a_difference_of_machines_that_changes_nothing_is_noted_and_keeps_no_seeds_apart(tables, change):
    built = tables(make_record(seed=1), make_record(seed=2), make_record(seed=3, **change))
    assert built["quality"]["n"].tolist() == [3]
    noted = built["environment"]
    assert (noted["machine"].tolist(), noted["runs"].tolist()) in (([1, 1], [2, 1]), ([1, 1], [1, 2]))


def test_a_machine_that_computed_in_float32_and_bfloat16_is_one(tables):
    built = tables(*(make_record(device=device, machine__bfloat16="amx") for device in ("cpu", "cpu-bfloat16")))
    shown = by_dataset("environment", built["environment"])[""]
    rows = shown[["machine", "device", "bfloat16 by"]].to_numpy().tolist()
    assert rows == [["1", "cpu", "\N{EN DASH}"], ["1", "cpu-bfloat16", "amx"]]


def test_how_a_processor_multiplies_in_bfloat16_keeps_only_runs_in_that_apart(tables):
    records = [
        make_record(device=device, seed=seed, machine__bfloat16=how)
        for device in ("cpu", "cpu-bfloat16")
        for seed, how in ((1, "amx"), (2, "avx512"), (3, "avx512"))
    ]
    quality = tables(*records)["quality"]
    found = sorted(quality[["device", "machine", "seeds"]].itertuples(index=False, name=None))
    assert found == [("cpu", 1, "1 2 3"), ("cpu-bfloat16", 1, "1"), ("cpu-bfloat16", 2, "2 3")]


def test_two_arm_machines_are_two_whether_their_processors_have_a_name_or_not(tables):
    arm = [{"machine__cpu": "Neoverse-N1"}, {"machine__cpu": "Neoverse-V1"}, {"machine__cpu": "aarch64"}]
    arm.append({"machine__cpu": "aarch64", "machine__cores": 64})
    built = tables(*(make_record(seed=seed, **change) for seed, change in enumerate(arm, start=1)))
    assert built["quality"]["n"].tolist() == [1] * 4
    assert {"unknown (aarch64)", "Neoverse-N1", "Neoverse-V1"} == set(built["environment"]["cpu"])


def test_a_training_that_was_held_back_says_so_beside_its_machine(tables, tmp_path):
    held = {"speed__throttled_share": 0.95, "machine__cpu_quota": 0.5, "settings__threads": 2}
    tables(make_record(seed=1, speed__reachable_cores=1, **held))
    text = (tmp_path / "tables/environment.md").read_text(encoding="utf-8")
    assert "quota of CPU time was used up in 95.0 % of the periods; its 2 threads can run on 1 of the cores" in text
    assert "quota, CPUs" in text


def test_what_distinguishes_two_rows_of_one_case_is_shown(tables, tmp_path):
    tables(make_record(seed=1), make_record(seed=2, settings__preset__learning_rate=0.5, machine__cpu="Another"))
    header = (tmp_path / "tables" / "quality.md").read_text(encoding="utf-8").splitlines()[4]
    assert "settings" in header
    assert "machine" in header


def test_differences_say_with_which_libraries_where_an_implementation_ran_with_several(tables):
    def upgraded(seed, version):
        first, second = make_pair(seed=seed)
        return [first, second | {"versions": {"tensorflow": version}}]

    built = tables(*upgraded(1, "2.20.0"), *upgraded(2, "2.21.0"))["differences"]
    shown = by_dataset("differences", built)["ptb"]
    torch = "numpy 2.4.6, torch 2.13.0"
    assert [*shown["libraries"]] == [f"tensorflow 2.20.0 with {torch}", f"tensorflow 2.21.0 with {torch}"]
    assert "libraries" not in by_dataset("differences", built[:1])["ptb"]


def test_the_floor_of_generated_text_stands_beside_its_perplexity(tables):
    row = tables(make_record("markov", metric=22.0))["quality"].iloc[0]
    assert math.isclose(row["floor"], 20.0)
    assert math.isclose(row["above_floor"], 10.0)


def test_a_capped_run_is_not_held_against_the_floor_of_the_whole_test_text(tables):
    row = tables(make_record("markov", metric=22.0, caps=CAPS))["quality"].iloc[0]
    assert math.isnan(row["floor"])
    assert math.isnan(row["above_floor"])


def test_differences_are_paired_by_seed_and_averaged_as_log_ratios(tables):
    records = [*make_pair(seed=1, first=100.0, second=110.0), *make_pair(seed=2, first=200.0, second=242.0)]
    (row,) = tables(*records, make_record(seed=3, metric=5000.0))["differences"].itertuples()
    assert (row.first, row.second, row.n, row.seeds) == ("pytorch", "tensorflow", 2, "1 2")
    assert math.isclose(row.mean, 100 * (math.sqrt(1.1 * 1.21) - 1))
    assert math.isclose(row.min, 10.0)
    assert math.isclose(row.max, 21.0)


def test_runs_from_other_initial_weights_are_no_pair(tables, tmp_path):
    left, right = make_pair()
    right["initial_weights_sha256"] = "0" * 64
    assert tables(left, right)["differences"].empty
    text = (tmp_path / "tables" / "differences.md").read_text(encoding="utf-8")
    assert "No two implementations have a run from the same initial weights." in text


def test_differences_in_accuracy_are_percentage_points(tables):
    (row,) = tables(*make_pair(first=0.98, second=0.985, dataset="mnist"))["differences"].itertuples()
    assert math.isclose(row.mean, 0.5)


def test_milestones_are_shown_by_protocol_with_the_published_logs(tables):
    records = [make_record("mnist", seed=seed, metric=value) for seed, value in ((1, 0.98), (2, 0.99))]
    rows = tables(*records)["milestone_means"]
    assert rows["predictions"].tolist() == [10000, 128]
    assert math.isclose(rows["mean"].iloc[0], 0.975)
    assert rows["published_values"].tolist() == ["", "97.7, 98.4, 99.2"]


def test_every_machine_and_set_of_libraries_is_listed(tables):
    rows = tables(*make_pair(), make_record(seed=2, machine__cpu="Another CPU", commit_dirty=True))["environment"]
    assert rows[["machine", "cpu", "implementation", "runs"]].to_numpy().tolist() == [
        [1, "Another CPU", "pytorch", 1], [2, "Example CPU", "pytorch", 1], [2, "Example CPU", "tensorflow", 1]
    ]  # fmt: skip
    assert rows["commits"].iloc[0] == "0123456789ab with changes"


def test_nodes_that_are_alike_are_one_machine_and_are_all_named(tables):
    found = tables(*(make_record(seed=seed, machine__node=f"n{seed}") for seed in (1, 2)), make_record("mnist"))
    shown = found["environment"]
    assert set(shown["machine"]) == {1}
    assert "n1, n2" in shown["nodes"].tolist()


def test_no_table_says_nan(tables, tmp_path):
    unmeasured = make_record(size="medium", speed__median=None, speed__p25=None, speed__p75=None, speed__blocks=0)
    capped = make_record(size="large", caps=CAPS)
    tables(*make_pair(), make_record("mnist"), make_record("markov"), unmeasured, capped)
    for path in (path for path in (tmp_path / "tables").iterdir() if path.suffix != ".parquet"):
        text = path.read_text(encoding="utf-8").lower()
        if path.suffix == ".html":
            text = text[text.index("<body>") :]
        assert not any(word in text for word in ("nan", "none", "inf ", "<na>")), path


def test_a_quality_table_reads_as_intended(tables):
    built = tables(*make_pair(seed=1, first=113.6, second=114.0), *make_pair(seed=2, first=114.0, second=114.2))
    expected = pd.DataFrame(
        {
            "size": ["small", "small"],
            "implementation": ["pytorch", "tensorflow"],
            "device": ["cpu", "cpu"],
            "n": ["2", "2"],
            "test perplexity": ["113.80", "114.10"],
            "lowest to highest": ["113.60 to 114.00", "114.00 to 114.20"],
            "validation": ["113.80", "114.10"],
            "training": ["41.86", "41.98"],
            "predicted right": ["24.26 %", "24.26 %"],
            "published": ["114.50", "114.50"],
            "difference": ["\N{MINUS SIGN}0.61 %", "\N{MINUS SIGN}0.35 %"],
            "source": ["Zaremba et al. 2014", "Zaremba et al. 2014"],
        }
    )
    assert by_dataset("quality", built["quality"])["ptb"].to_dict("list") == expected.to_dict("list")


def test_a_text_that_nobody_counted_the_predicted_right_of_has_no_such_column(tables):
    built = tables(*(make_record(seed=seed, final__accuracy=None) for seed in (1, 2)))
    assert "predicted right" not in by_dataset("quality", built["quality"])["ptb"]


def test_images_have_no_words_that_could_be_right(tables):
    assert tables(make_record("mnist"))["quality"]["predicted_right"].isna().all()


def test_sizes_stand_from_small_to_large(tables):
    built = tables(*(make_record(size=size) for size in ("large", "adventures", "medium", "small")))
    shown = by_dataset("quality", built["quality"])["ptb"]
    assert shown["size"].tolist() == ["small", "medium", "large", "adventures"]

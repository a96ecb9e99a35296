"""The records kept in the repository are what the README says of them."""

from __future__ import annotations

import pytest

from tests.unit.reference import REFERENCE, ROOT

RECORDS = {
    (record["run"]["dataset"], record["run"]["size"], record["run"]["implementation"]): record
    for record in REFERENCE.runs
}
FRAMEWORKS = ("pytorch", "tensorflow")


def test_each_record_is_of_a_complete_run_of_committed_code():
    assert len(RECORDS) == 4
    for record in RECORDS.values():
        assert not record["caps"]
        assert record["commit"]
        assert not record["commit_dirty"]


@pytest.mark.parametrize("dataset", ["ptb", "mnist"])
def test_both_frameworks_started_from_the_same_weights_on_the_same_data(dataset):
    one, two = (RECORDS[dataset, "small", name] for name in FRAMEWORKS)
    assert one["initial_weights_sha256"] == two["initial_weights_sha256"]
    assert one["data"]["sha256"] == two["data"]["sha256"]
    assert one["settings_sha256"] == two["settings_sha256"]
    assert one["parameters"] == two["parameters"]


def test_ptb_small_reaches_the_published_perplexity_in_both_frameworks():
    # The TensorFlow tutorial reports 115.91, Zaremba et al. 114.5.
    found = [RECORDS["ptb", "small", name]["final"]["perplexity"] for name in FRAMEWORKS]
    assert all(112.0 <= perplexity <= 116.5 for perplexity in found)
    assert max(found) / min(found) < 1.01
    assert all(len(RECORDS["ptb", "small", name]["history"]) == 13 for name in FRAMEWORKS)
    assert all(RECORDS["ptb", "small", name]["final"]["predictions"] == 82_429 for name in FRAMEWORKS)


def test_mnist_small_reaches_the_published_accuracy_in_both_frameworks():
    for name in FRAMEWORKS:
        assert RECORDS["mnist", "small", name]["final"]["accuracy"] >= 0.985
        assert RECORDS["mnist", "small", name]["final"]["predictions"] == 10_000
        assert [row["predictions"] for row in RECORDS["mnist", "small", name]["milestones"]] == [10_000, 128]


def test_the_readme_shows_the_records_numbers():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for (dataset, _, name), record in RECORDS.items():
        final = record["final"]
        value = f"{final['perplexity']:.2f}" if dataset == "ptb" else f"{100 * final['accuracy']:.2f} %"
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| {dataset} small | {name} ")]
        assert value in row

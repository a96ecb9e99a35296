"""The records of runs kept in the repository are complete and sound, and what the README says of them."""

from __future__ import annotations

import dataclasses

import pytest

from lstmbench import equivalence
from lstmbench.statistics import arithmetic_mean
from tests.unit.reference import MACHINES, REFERENCE, ROOT

FRAMEWORKS = ("pytorch", "tensorflow")
DATASETS = ("ptb", "mnist")
SEEDS = (1, 2, 3, 4, 5)
SECOND = "amd-epyc-avx512-2-cores"
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLOWING = " ".join(README.split())
"""The README without its line breaks."""

RECORDS = {
    machine: {
        (record["run"]["dataset"], record["run"]["implementation"], record["run"]["seed"]): record
        for record in bundle.runs
    }
    for machine, bundle in MACHINES.items()
}

each_machine = pytest.mark.parametrize("machine", MACHINES)


def first_seed(machine, dataset):
    """The records of both frameworks."""
    return [RECORDS[machine][dataset, name, 1] for name in FRAMEWORKS]


@each_machine
def test_each_record_is_of_a_complete_run_of_committed_code(machine):
    expected = {(dataset, name, 1) for dataset in DATASETS for name in FRAMEWORKS}
    if machine == SECOND:
        expected |= {("mnist", name, seed) for name in FRAMEWORKS for seed in SEEDS}
    assert set(RECORDS[machine]) == expected
    for record in MACHINES[machine].runs:
        assert record["run"]["size"] == "small"
        assert not record["caps"]
        assert record["commit"]
        assert not record["commit_dirty"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_all_runs_started_from_the_same_weights_on_the_same_data(dataset):
    one, *others = (record for machine in RECORDS for record in first_seed(machine, dataset))
    for other in others:
        assert one["initial_weights_sha256"] == other["initial_weights_sha256"]
        assert one["data"]["sha256"] == other["data"]["sha256"]
        assert one["settings_sha256"] == other["settings_sha256"]
        assert one["parameters"] == other["parameters"]


@each_machine
def test_ptb_small_reaches_the_published_perplexity_in_both_frameworks(machine):
    # The TensorFlow tutorial reports 115.91, Zaremba et al. 114.5.
    records = first_seed(machine, "ptb")
    found = [record["final"]["perplexity"] for record in records]
    assert all(112.0 <= perplexity <= 116.5 for perplexity in found)
    assert max(found) / min(found) < 1.01
    assert all(len(record["history"]) == 13 for record in records)
    assert all(record["final"]["predictions"] == 82_429 for record in records)


@each_machine
def test_mnist_small_reaches_the_published_accuracy_in_both_frameworks(machine):
    for record in (record for (dataset, _, _), record in RECORDS[machine].items() if dataset == "mnist"):
        assert record["final"]["accuracy"] >= 0.985
        assert record["final"]["predictions"] == 10_000
        assert [row["predictions"] for row in record["milestones"]] == [10_000, 128]


def alike(records):
    """Whether their losses lie within 3 in a million of one another."""
    losses = [record["final"]["loss"] for record in records]
    return max(losses) / min(losses) < 1 + 3e-6


def test_all_runs_of_mnist_small_from_one_seed_end_with_the_same_loss():
    assert alike([record for machine in RECORDS for record in first_seed(machine, "mnist")])
    assert all(alike([RECORDS[SECOND]["mnist", name, seed] for name in FRAMEWORKS]) for seed in SEEDS)


def test_mnist_small_is_equal_over_five_seeds_and_the_readme_says_so():
    of_each = [[RECORDS[SECOND]["mnist", name, seed]["final"]["accuracy"] for seed in SEEDS] for name in FRAMEWORKS]
    assert of_each[0] == of_each[1]
    assert equivalence.verdicts([equivalence.compare(*of_each, "accuracy")]) == [equivalence.EQUAL]
    mean, low, high = (f"{100 * value:.2f}" for value in dataclasses.astuple(arithmetic_mean(of_each[0])))
    assert f"both end MNIST at {mean} % ({low} to {high}, 95 % interval over the seeds)" in FLOWING


def shown(record):
    final = record["final"]
    return f"{final['perplexity']:.2f}" if "perplexity" in final else f"{100 * final['accuracy']:.2f} %"


def test_the_readme_shows_the_first_machines_numbers():
    for record in REFERENCE.runs:
        dataset, name = record["run"]["dataset"], record["run"]["implementation"]
        (row,) = [line for line in README.splitlines() if line.startswith(f"| {dataset} small | {name} ")]
        assert shown(record) in row
        assert record["commit"][:7] in README


def test_the_readme_shows_the_second_machines_numbers():
    ptb, mnist = (" and ".join(map(shown, first_seed(SECOND, dataset))) for dataset in DATASETS)
    (commit,) = {record["commit"][:7] for record in RECORDS[SECOND].values()}
    assert f"(commit {commit}), ended the same runs at {ptb} (PTB) and {mnist} (MNIST)" in FLOWING

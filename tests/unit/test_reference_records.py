"""The records of runs kept in the repository are complete and sound, and what the README says of them."""

from __future__ import annotations

import pytest

from tests.unit.reference import MACHINES, REFERENCE, ROOT

RECORDS = {
    machine: {
        (record["run"]["dataset"], record["run"]["size"], record["run"]["implementation"]): record
        for record in bundle.runs
    }
    for machine, bundle in MACHINES.items()
}
FRAMEWORKS = ("pytorch", "tensorflow")

each_machine = pytest.mark.parametrize("machine", MACHINES)


@each_machine
def test_each_record_is_of_a_complete_run_of_committed_code(machine):
    assert set(RECORDS[machine]) == {(dataset, "small", name) for dataset in ("ptb", "mnist") for name in FRAMEWORKS}
    for record in RECORDS[machine].values():
        assert not record["caps"]
        assert record["commit"]
        assert not record["commit_dirty"]


@pytest.mark.parametrize("dataset", ["ptb", "mnist"])
def test_all_runs_started_from_the_same_weights_on_the_same_data(dataset):
    first, *others = (records[dataset, "small", name] for records in RECORDS.values() for name in FRAMEWORKS)
    for other in others:
        assert first["initial_weights_sha256"] == other["initial_weights_sha256"]
        assert first["data"]["sha256"] == other["data"]["sha256"]
        assert first["settings_sha256"] == other["settings_sha256"]
        assert first["parameters"] == other["parameters"]


@each_machine
def test_ptb_small_reaches_the_published_perplexity_in_both_frameworks(machine):
    # The TensorFlow tutorial reports 115.91, Zaremba et al. 114.5.
    records = [RECORDS[machine]["ptb", "small", name] for name in FRAMEWORKS]
    found = [record["final"]["perplexity"] for record in records]
    assert all(112.0 <= perplexity <= 116.5 for perplexity in found)
    assert max(found) / min(found) < 1.01
    assert all(len(record["history"]) == 13 for record in records)
    assert all(record["final"]["predictions"] == 82_429 for record in records)


@each_machine
def test_mnist_small_reaches_the_published_accuracy_in_both_frameworks(machine):
    for record in (RECORDS[machine]["mnist", "small", name] for name in FRAMEWORKS):
        assert record["final"]["accuracy"] >= 0.985
        assert record["final"]["predictions"] == 10_000
        assert [row["predictions"] for row in record["milestones"]] == [10_000, 128]


def test_all_runs_of_mnist_small_end_with_the_same_loss():
    losses = [records["mnist", "small", name]["final"]["loss"] for records in RECORDS.values() for name in FRAMEWORKS]
    assert max(losses) / min(losses) < 1 + 3e-6


def shown(record):
    final = record["final"]
    return f"{final['perplexity']:.2f}" if "perplexity" in final else f"{100 * final['accuracy']:.2f} %"


def test_the_readme_shows_the_first_machines_numbers():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for record in REFERENCE.runs:
        dataset, name = record["run"]["dataset"], record["run"]["implementation"]
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| {dataset} small | {name} ")]
        assert shown(record) in row
    for part in {record["commit"][:7] for record in REFERENCE.runs}:
        assert part in readme


def test_the_readme_shows_the_second_machines_numbers():
    records = RECORDS["amd-epyc-avx512-2-cores"]
    ptb, mnist = (
        " and ".join(shown(records[dataset, "small", name]) for name in FRAMEWORKS) for dataset in ("ptb", "mnist")
    )
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    (commit,) = {record["commit"][:7] for record in records.values()}
    assert f"(commit {commit}), ended the same runs at {ptb} (PTB) and {mnist} (MNIST)" in readme

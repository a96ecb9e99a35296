"""The records of runs kept in the repository are complete and sound."""

from __future__ import annotations

import pytest

from lstmbench.statistics import equivalence
from lstmbench.statistics.verdict import Kind
from tests.repository.baselines import (
    CPUS,
    ENTRIES,
    FOLDER,
    MACHINES,
    QUOTED,
    differences,
    entry_of,
    unlike_starts,
    without_bundle,
)

FRAMEWORKS = ("pytorch", "tensorflow")
DATASETS = ("ptb", "mnist")
SEEDS = (1, 2, 3, 4, 5)
SECOND = "amd-epyc-avx512-2-cores"

RECORDS = {
    machine: {
        (record.run.dataset, record.run.implementation, record.run.seed): record
        for record in bundle.runs
        if record.run.size == "small"
    }
    for machine, bundle in MACHINES.items()
    if machine in CPUS
}

each_machine = pytest.mark.parametrize("machine", MACHINES)
each_cpu = pytest.mark.parametrize("machine", CPUS)


def first_seed(machine, dataset):
    """The records of both frameworks."""
    return [RECORDS[machine][dataset, name, 1] for name in FRAMEWORKS]


@each_machine
def test_a_bundle_holds_what_its_entry_says(machine):
    message = differences(MACHINES[machine], entry_of(machine, ENTRIES))
    assert not message, "\n".join(
        [f"results/baselines/{machine}.zip differs from its entry in bundles.yaml:", *message]
    )


def test_every_entry_is_of_a_bundle():
    assert without_bundle(FOLDER) == []


@each_cpu
def test_a_cpu_holds_complete_runs_of_both_frameworks_and_is_quoted(machine):
    entry = ENTRIES[machine]
    assert machine in QUOTED
    assert sorted(entry.frameworks) == list(FRAMEWORKS)
    assert all(block.published for block in entry.runs)
    assert {(dataset, name, 1) for dataset in DATASETS for name in FRAMEWORKS} <= set(RECORDS[machine])


@pytest.mark.parametrize("machine", QUOTED)
def test_what_is_quoted_was_made_by_committed_code(machine):
    assert ENTRIES[machine].committed


def test_all_runs_started_from_the_same_weights_on_the_same_data():
    assert unlike_starts(MACHINES.values()) == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_all_runs_on_cpus_had_the_same_settings(dataset):
    one, *others = (record for machine in RECORDS for record in first_seed(machine, dataset))
    for other in others:
        assert one.initial_weights_sha256 == other.initial_weights_sha256
        assert one.data.sha256 == other.data.sha256
        assert one.settings_sha256 == other.settings_sha256
        assert one.parameters == other.parameters


@each_cpu
def test_ptb_small_ends_within_a_percent_in_both_frameworks(machine):
    found = [record.final.perplexity for record in first_seed(machine, "ptb")]
    assert max(found) / min(found) < 1.01


def alike(records):
    """Whether their losses lie within 3 in a million of one another."""
    losses = [record.final.loss for record in records]
    return max(losses) / min(losses) < 1 + 3e-6


def test_all_runs_of_mnist_small_from_one_seed_end_with_the_same_loss():
    assert alike([record for machine in RECORDS for record in first_seed(machine, "mnist")])
    assert all(alike([RECORDS[SECOND]["mnist", name, seed] for name in FRAMEWORKS]) for seed in SEEDS)


def test_mnist_small_is_equal_over_five_seeds_and_each_seed_has_the_same_accuracy_in_both():
    of_each = [[RECORDS[SECOND]["mnist", name, seed].final.accuracy for seed in SEEDS] for name in FRAMEWORKS]
    assert of_each[0] == of_each[1]
    assert equivalence.verdicts([equivalence.compare(*of_each, "accuracy")]) == [Kind.EQUAL]

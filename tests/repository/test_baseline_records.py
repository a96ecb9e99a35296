"""The records of runs kept in the repository are complete and sound."""

from __future__ import annotations

import itertools

import pytest

from lstmbench.statistics import equivalence
from lstmbench.statistics.verdict import Kind
from tests.repository.baselines import (
    CPUS,
    ENTRIES,
    FOLDER,
    MACHINES,
    MEASURED_CPUS,
    QUOTED,
    differences,
    entries_in,
    entry_of,
    unlike_starts,
    without_bundle,
)
from tests.repository.figures import versions
from tests.repository.figures.quality import FRAMEWORKS, MNIST_SMALL, SEEDS

DATASETS = ("ptb", "mnist")

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


def first_seeds(dataset):
    """The records of both frameworks, of each CPU that trained small on a data set."""
    found = [[RECORDS[machine].get((dataset, name, 1)) for name in FRAMEWORKS] for machine in RECORDS]
    return [both for both in found if all(both)]


@each_machine
def test_a_bundle_holds_what_its_entry_says(machine):
    message = differences(MACHINES[machine], entry_of(machine, ENTRIES))
    assert not message, "\n".join(
        [f"results/baselines/{machine}.zip differs from its entry in bundles.yaml:", *message]
    )


def test_the_versions_measured_side_by_side_are_what_their_entry_says():
    folder = FOLDER / "versions"
    assert without_bundle(folder) == []
    assert differences(versions.KEPT, entry_of(versions.KEPT_NAME, entries_in(folder))) == []


def test_every_entry_is_of_a_bundle():
    assert without_bundle(FOLDER) == []


@each_cpu
def test_a_cpu_is_quoted_and_holds_complete_runs_that_reach_what_was_published(machine):
    assert machine in QUOTED
    assert all(block.published for block in ENTRIES[machine].runs)


@pytest.mark.parametrize("machine", MEASURED_CPUS)
def test_a_cpu_whose_speed_is_kept_also_trained_small_in_both_frameworks(machine):
    assert {*FRAMEWORKS} <= {*ENTRIES[machine].frameworks}
    assert {name for _, name, seed in RECORDS[machine] if seed == 1} >= {*FRAMEWORKS}


@pytest.mark.parametrize("dataset", DATASETS)
def test_small_was_trained_in_both_frameworks_on_two_cpus(dataset):
    assert len(first_seeds(dataset)) == 2


@pytest.mark.parametrize("machine", QUOTED)
def test_what_is_quoted_was_made_by_committed_code(machine):
    assert ENTRIES[machine].committed


def test_all_runs_started_from_the_same_weights_on_the_same_data():
    assert unlike_starts(MACHINES.values()) == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_all_runs_on_cpus_had_the_same_settings(dataset):
    one, *others = itertools.chain.from_iterable(first_seeds(dataset))
    for other in others:
        assert one.initial_weights_sha256 == other.initial_weights_sha256
        assert one.data.sha256 == other.data.sha256
        assert one.settings_sha256 == other.settings_sha256
        assert one.parameters == other.parameters


def test_ptb_small_ends_within_a_percent_in_both_frameworks():
    for both in first_seeds("ptb"):
        found = [record.final.perplexity for record in both]
        assert max(found) / min(found) < 1.01


def alike(records):
    """Whether their losses lie within 3 in a million of one another."""
    losses = [record.final.loss for record in records]
    return max(losses) / min(losses) < 1 + 3e-6


def test_all_runs_of_mnist_small_from_one_seed_end_with_the_same_loss():
    assert alike([*itertools.chain.from_iterable(first_seeds("mnist"))])
    assert all(alike([RECORDS[MNIST_SMALL.machine]["mnist", name, seed] for name in FRAMEWORKS]) for seed in SEEDS)


def test_mnist_small_is_equal_over_five_seeds_and_each_seed_has_the_same_accuracy_in_both():
    records = RECORDS[MNIST_SMALL.machine]
    of_each = [[records["mnist", name, seed].final.accuracy for seed in SEEDS] for name in FRAMEWORKS]
    assert of_each[0] == of_each[1]
    assert equivalence.verdicts([equivalence.compare(*of_each, "accuracy")]) == [Kind.EQUAL]

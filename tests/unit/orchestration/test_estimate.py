"""The estimate of time and disk: within a factor of 3 wherever somebody measured."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from lstmbench import datasets
from lstmbench.analysis.forecast import Work, count_work, predict
from lstmbench.datasets import Dataset
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.orchestration import estimate
from lstmbench.orchestration.estimate import (
    CONTENTS,
    START_SECONDS,
    Content,
    Costs,
    Job,
    count_steps,
    disk_bytes,
)
from lstmbench.records.measurement_record import Block
from lstmbench.utils.conversion import plain
from tests.factories.jobs import NOWHERE, SHIPPED, chosen, jobs_of
from tests.repository.baselines import MACHINES, MEASURED_CPUS

CASES = [
    (dataset, size, implementation)
    for dataset in SHIPPED["datasets"]
    for size in SHIPPED["sizes"]
    for implementation in SHIPPED["implementations"]
]


def work_of(dataset, size):
    """The work of a complete run, in the plan's terms."""
    content, preset = CONTENTS[dataset], load_preset(PRESETS / dataset / f"{size}.yaml")
    steps = count_steps(datasets.load_module(dataset).TASK, preset, content, None, None)
    return Work(steps.updates, preset.epochs, 1, {name: content.counts[name] for name in ("valid", "test")}, 0, 0)


def as_planned(bundle, dataset, size, implementation):
    """Seconds of a run that a plan made of this measurement would name, and the FLOP/s of a thread in it."""
    (measured,) = [
        one for one in bundle.measurements if {dataset, size} <= {one.record.group.dataset, one.record.group.size}
    ]
    (sample,) = [one for one in measured.record.samples if one.implementation == implementation and one.details]
    rows = measured.blocks[measured.blocks["implementation"] == implementation]
    blocks = [Block(steps, seconds) for steps, seconds in zip(rows["steps"], rows["seconds"], strict=True)]
    seconds = predict(sample, blocks, work_of(dataset, size))["seconds"]
    products = [product.flops / product.count / product.seconds for product in sample.products]
    return seconds, max(products) / measured.record.threads


@pytest.mark.parametrize("machine_name", MEASURED_CPUS)
@pytest.mark.parametrize(("dataset", "size", "implementation"), CASES)
def test_on_the_baseline_machines_no_case_is_off_by_a_factor_of_3(machine_name, dataset, size, implementation):
    seconds, flops_per_second = as_planned(MACHINES[machine_name], dataset, size, implementation)
    costs = Costs(chosen(), {}, NOWHERE)
    costs.flops_per_second = flops_per_second
    names = {"dataset": dataset, "size": size, "implementation": implementation, "device": "cpu", "seed": "1"}
    assert 1 / 3 < costs.seconds(Job("train", names, 2)) / seconds < 3


@pytest.mark.parametrize("machine_name", MEASURED_CPUS)
def test_on_the_baseline_machines_no_measurement_of_speed_is_off_by_a_factor_of_3(machine_name):
    for measured in MACHINES[machine_name].measurements:
        group, record = measured.record.group, measured.record
        processes = {"processes": 1, "implementations": ["pytorch"] * len(record.samples)}
        speed = msgspec.structs.replace(chosen().speed, **processes)
        costs = Costs(msgspec.structs.replace(chosen(), speed=speed), {}, NOWHERE)
        costs.flops_per_second = as_planned(MACHINES[machine_name], group.dataset, group.size, "pytorch")[1]
        span = np.datetime64(record.finished[:19]) - np.datetime64(record.started[:19])
        assert 1 / 3 < costs.seconds(Job("measure", plain(group), 2)) / (span / np.timedelta64(1, "s")) < 3


@pytest.mark.parametrize("caps", [(None, None), (30, 500)], ids=["whole", "capped"])
@pytest.mark.parametrize("size", ["small", "medium", "large"])
@pytest.mark.parametrize("dataset", ["ptb", "mnist"])
def test_the_work_is_that_which_the_plan_counts_from_the_data(dataset, size, caps):
    task, preset = datasets.load_module(dataset).TASK, load_preset(PRESETS / dataset / f"{size}.yaml")
    facts = CONTENTS[dataset].facts
    if task == "language_model":
        counts = {"train": 30_000, "valid": 20_000, "test": 10_001}
        arrays = {split: np.zeros(count, np.int32) for split, count in counts.items()}
    else:
        counts = {"train": 1_000, "valid": 700, "test": 2_100}
        arrays = {f"{split}_images": np.zeros((count, 28, 28), np.uint8) for split, count in counts.items()}
        arrays |= {f"{split}_labels": np.zeros(count, np.uint8) for split, count in counts.items()}
    work = count_work(Dataset(dataset, task, facts, arrays, ""), preset, *caps)
    found = count_steps(task, preset, Content(counts, facts), *caps)
    per_step = preset.batch_size * (preset.num_steps if task == "language_model" else 1)
    evaluated = work.epochs * work.predictions["valid"] + work.predictions["test"]
    assert found.updates == work.updates
    # The plan counts whole batches.
    assert found.evaluated == pytest.approx(evaluated / per_step, abs=work.epochs + 1)


@pytest.mark.parametrize("dataset", ["markov", "glyphs"])
def test_what_is_known_of_an_embedded_data_set_is_what_it_holds(dataset, tmp_path):
    prepared = datasets.load_module(dataset).prepare(tmp_path)
    suffix = "" if datasets.load_module(dataset).TASK == "language_model" else "_labels"
    known = CONTENTS[dataset]
    assert known.counts == {split: len(prepared.arrays[f"{split}{suffix}"]) for split in datasets.SPLITS}
    assert known.facts.items() <= prepared.facts.items()


@pytest.mark.parametrize("dataset", ["ptb", "mnist"])
def test_what_is_known_of_a_real_data_set_is_what_it_holds(dataset, real_data):
    prepared = datasets.load_module(dataset).prepare(real_data / dataset)
    suffix = "" if datasets.load_module(dataset).TASK == "language_model" else "_labels"
    known = CONTENTS[dataset]
    assert known.counts == {split: len(prepared.arrays[f"{split}{suffix}"]) for split in datasets.SPLITS}
    assert known.facts.items() <= prepared.facts.items()


def test_more_cores_take_less_time_and_only_one_measurement_goes_on_at_a_time(speed):
    selection = chosen()
    costs = Costs(selection, {}, NOWHERE)
    runs = [job for job in jobs_of(selection) if job.rule == "train"]
    measured = [job for job in jobs_of(selection) if job.rule == "measure"]
    two, four = (estimate.wall_seconds(selection, costs, runs, cores) for cores in (2, 4))
    assert math.isclose(two, 2 * four)
    longest = max(map(costs.seconds, runs))
    assert estimate.wall_seconds(selection, costs, runs, 64) == longest
    alone = sum(map(costs.seconds, measured))
    assert estimate.wall_seconds(selection, costs, [*runs, *measured], 64) == pytest.approx(alone + longest)


def test_a_run_of_more_threads_is_faster_and_takes_the_place_of_others(speed):
    one, four = chosen(threads=1), chosen(threads=4)
    names = {"dataset": "ptb", "size": "large", "implementation": "pytorch", "device": "cpu", "seed": "1"}
    alone = [Costs(selection, {}, NOWHERE).seconds(Job("train", names, 1)) for selection in (one, four)]
    assert alone[0] / alone[1] == pytest.approx(4, rel=0.01)


def test_cores_that_the_machine_does_not_have_make_nothing_faster(speed, monkeypatch):
    monkeypatch.setattr(estimate, "usable_cores", lambda: 2)
    selection = chosen()
    costs = Costs(selection, {}, NOWHERE)
    assert len({estimate.wall_seconds(selection, costs, jobs_of(selection), cores) for cores in (2, 8)}) == 1


def test_disk_is_what_runs_keep_their_initial_weights_and_the_checkpoints_of_those_that_train(speed):
    selection = chosen()
    names = {"dataset": "ptb", "size": "small", "implementation": "pytorch", "device": "cpu", "seed": "1"}
    weights, embedding = 4 * 4_651_600, 4 * 10_000 * 200
    jobs = [Job("initialise", names, 1), Job("train", names, 2), Job("train", {**names, "seed": "2"}, 2)]
    costs = Costs(selection, {}, NOWHERE)
    assert disk_bytes(selection, costs, jobs, 2) == 3 * weights + 2 * embedding + 4 * weights
    assert disk_bytes(selection, costs, jobs, 4) == 3 * weights + 2 * embedding + 2 * 4 * weights


def test_a_small_model_on_a_fast_machine_still_takes_its_start():
    costs = Costs(chosen(datasets=["markov"]), {}, NOWHERE)
    costs.flops_per_second = 1e15
    names = {"dataset": "markov", "size": "small", "implementation": "pytorch", "device": "cpu", "seed": "1"}
    assert costs.seconds(Job("train", names, 2)) > START_SECONDS

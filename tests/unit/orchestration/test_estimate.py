"""The estimate at the start: within a factor of 3 wherever somebody measured, and one line whatever happens."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from lstmbench import datasets
from lstmbench.analysis.forecast import Work, count_work, predict
from lstmbench.datasets import Dataset
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.orchestration import estimate
from lstmbench.orchestration.announcement import about, announce
from lstmbench.orchestration.config import checked
from lstmbench.orchestration.estimate import (
    CONTENTS,
    START_SECONDS,
    Content,
    Costs,
    Job,
    count_steps,
    disk_bytes,
)
from lstmbench.orchestration.resources import planned_seconds
from lstmbench.system import flops
from lstmbench.utils.paths import ROOT
from tests.repository.baselines import CPUS, MACHINES

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
GFLOPS = 50e9
NOWHERE = Path("no such folder")
CASES = [
    (dataset, size, implementation)
    for dataset in SHIPPED["datasets"]
    for size in SHIPPED["sizes"]
    for implementation in SHIPPED["implementations"]
]


def chosen(**changes):
    """The shipped configuration on a CPU, with ``changes``."""
    return checked({**SHIPPED, "device": "cpu", **changes})


def jobs_of(selection):
    """Every job of a selection that takes long, and one that does not."""
    runs = [
        Job("train", {"dataset": dataset, "size": size, "implementation": name, "device": device, "seed": str(seed)}, 2)
        for dataset in selection.datasets
        for size in selection.sizes
        for name, device in selection.cells
        for seed in (1, 2, 3)
    ]
    measured = [
        Job("measure", {"dataset": dataset, "size": size, "device": "cpu"}, 2)
        for dataset in selection.datasets
        for size in selection.speed.sizes
    ]
    return [*runs, *measured, Job("report", {}, 1)]


@pytest.fixture
def speed(monkeypatch):
    """Stand in for the probe: the speed of a thread."""
    monkeypatch.setattr(estimate, "measured_flops_per_second", lambda: GFLOPS)
    monkeypatch.setattr(estimate, "usable_cores", lambda: 64)


def said(capsys, selection, jobs, planned=None, cores=2):
    """What ``announce`` prints, which is one line or none."""
    announce(selection, planned or {}, jobs, NOWHERE, cores)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") <= 1
    return output.err.removesuffix("\n")


def work_of(dataset, size):
    """The work of a complete run, in the plan's terms."""
    content, preset = CONTENTS[dataset], load_preset(PRESETS / dataset / f"{size}.yaml")
    steps = count_steps(datasets.load_module(dataset).TASK, preset, content, None, None)
    return Work(steps.updates, preset.epochs, 1, {name: content.counts[name] for name in ("valid", "test")}, 0)


def as_planned(bundle, dataset, size, implementation):
    """Seconds of a run that a plan made of this measurement would name, and the FLOP/s of a thread in it."""
    (measured,) = [one for one in bundle.measurements if {dataset, size} <= {*one.record["group"].values()}]
    (sample,) = [
        one for one in measured.record["samples"] if one["implementation"] == implementation and "details" in one
    ]
    blocks = measured.blocks[measured.blocks["implementation"] == implementation].to_dict("records")
    seconds = predict({**sample, "blocks": blocks, "disturbances": []}, work_of(dataset, size))["seconds"]
    products = [product["flops"] / product["count"] / product["seconds"] for product in sample["products"]]
    return seconds, max(products) / measured.record["threads"]


@pytest.mark.parametrize("machine_name", CPUS)
@pytest.mark.parametrize(("dataset", "size", "implementation"), CASES)
def test_on_the_reference_machines_no_case_is_off_by_a_factor_of_3(machine_name, dataset, size, implementation):
    seconds, flops_per_second = as_planned(MACHINES[machine_name], dataset, size, implementation)
    costs = Costs(chosen(), {}, NOWHERE)
    costs.flops_per_second = flops_per_second
    names = {"dataset": dataset, "size": size, "implementation": implementation, "device": "cpu", "seed": "1"}
    assert 1 / 3 < costs.seconds(Job("train", names, 2)) / seconds < 3


@pytest.mark.parametrize("machine_name", CPUS)
def test_on_the_reference_machines_no_measurement_of_speed_is_off_by_a_factor_of_3(machine_name):
    for measured in MACHINES[machine_name].measurements:
        group, record = measured.record["group"], measured.record
        processes = {"processes": 1, "implementations": ["pytorch"] * len(record["samples"])}
        speed = dataclasses.replace(chosen().speed, **processes)
        costs = Costs(dataclasses.replace(chosen(), speed=speed), {}, NOWHERE)
        costs.flops_per_second = as_planned(MACHINES[machine_name], group["dataset"], group["size"], "pytorch")[1]
        span = np.datetime64(record["finished"][:19]) - np.datetime64(record["started"][:19])
        assert 1 / 3 < costs.seconds(Job("measure", group, 2)) / (span / np.timedelta64(1, "s")) < 3


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


def test_weeks_are_said_at_the_start_with_what_takes_less(speed, capsys):
    line = said(capsys, chosen(), jobs_of(chosen()))
    assert line.startswith("This will take about 34 days on this machine: 36 runs and 6 speed measurements (")
    assert "50 GFLOP/s per thread" in line
    assert " make plan measures each case. Shorter: make demo, make quick, --config sizes=[small] (9.9 hours)" in line
    assert "--config seeds=[1] (11 days)." in line


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


def test_only_the_jobs_that_will_run_count(speed, capsys):
    jobs = jobs_of(chosen())
    left = [job for job in jobs if job.wildcards.get("size") == "small" and job.wildcards.get("seed") in ("1", None)]
    line = said(capsys, chosen(), left)
    assert ": 4 runs and 2 speed measurements (" in line
    assert "sizes=" not in line
    assert "seeds=" not in line


def test_what_does_not_take_long_names_nothing_shorter(speed, capsys):
    selection = chosen(max_updates=10, max_eval_predictions=100, sizes=["small"])
    line = said(capsys, selection, [job for job in jobs_of(selection) if job.rule == "train"])
    assert line.startswith("This will take about 1.8 min on this machine: 12 runs (")
    assert "Shorter" not in line


def test_tables_alone_are_not_worth_a_line(speed, capsys):
    assert said(capsys, chosen(), [Job("report", {}, 1), Job("plot", {}, 1)]) == ""


def test_runs_with_a_plan_take_what_it_says_and_no_speed_is_measured(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "measured_flops_per_second", lambda: pytest.fail("measured"))
    monkeypatch.setattr(estimate, "usable_cores", lambda: 2)
    plan = tmp_path / "plan.csv"
    header = "dataset,size,implementation,device,threads,max_updates,max_eval_predictions,seconds,mem_mb"
    plan.write_text(f"{header}\nptb,small,pytorch,cpu,2,,,7200,1\nptb,small,tensorflow,cpu,2,99,,1,1\n", "utf-8")
    selection = chosen(datasets=["ptb"], sizes=["small"], implementations=["pytorch"])
    runs = [job for job in jobs_of(selection) if job.rule == "train"]
    line = said(capsys, selection, runs, planned_seconds(plan, selection))
    assert line.startswith("This will take about 6 hours on this machine: 3 runs (the runs as planned).")
    assert "make plan" not in line
    both = chosen(datasets=["ptb"], sizes=["small"])
    assert set(planned_seconds(plan, both)) == {("ptb", "small", "pytorch", "cpu")}


def test_a_plan_of_some_cases_is_used_for_those(speed, capsys):
    planned = {("ptb", "small", "pytorch", "cpu"): 3600.0}
    line = said(capsys, chosen(), jobs_of(chosen()), planned)
    assert "(1 of 12 cases as planned, the rest estimated from the models' FLOPs and 50 GFLOP/s per thread, " in line


def test_on_a_gpu_without_a_plan_the_time_is_said_to_be_unknown(capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measured_flops_per_second", lambda: pytest.fail("measured"))
    selection = dataclasses.replace(chosen(), device="gpu")
    jobs = [job._replace(wildcards={**job.wildcards, "device": "gpu"}) for job in jobs_of(selection) if job.wildcards]
    line = said(capsys, selection, jobs)
    assert line.startswith("How long this will take is unknown (")
    assert line.endswith("; make plan measures it.")
    planned = {estimate.cell_of(job): 3600.0 for job in jobs if job.rule == "train"}
    # One run at a time, however many cores there are.
    assert said(capsys, selection, jobs, planned, cores=64).startswith("This will take about 1.5 days on this machine")


def test_for_other_machines_core_hours_are_named_and_no_time(speed, capsys):
    planned = {estimate.cell_of(job): 3600.0 for job in jobs_of(chosen()) if job.rule == "train"}
    line = said(capsys, chosen(), jobs_of(chosen()), planned, cores=None)
    assert line.startswith(
        "The runs will take about 72 core hours: 36 runs and 6 speed measurements (the runs as planned)"
    )
    assert line.endswith("When jobs start is up to the scheduler.")
    assert said(capsys, chosen(), [job for job in jobs_of(chosen()) if job.rule == "measure"], cores=None) == ""


def test_disk_is_named_if_it_is_much(speed, capsys):
    assert "GB" not in said(capsys, chosen(), jobs_of(chosen())).replace("GFLOP", "")
    many = [
        job._replace(wildcards={**job.wildcards, "seed": str(seed)})
        for job in jobs_of(chosen())
        if job.rule == "train"
        for seed in range(20)
    ]
    assert said(capsys, chosen(), many).endswith(" GB of disk.")
    assert "GB" not in said(capsys, chosen(keep_models=False), many).replace("GFLOP", "")


def test_disk_is_what_runs_keep_their_initial_weights_and_the_checkpoints_of_those_that_train(speed):
    selection = chosen()
    names = {"dataset": "ptb", "size": "small", "implementation": "pytorch", "device": "cpu", "seed": "1"}
    weights = 4 * 4_651_600
    jobs = [Job("initialise", names, 1), Job("train", names, 2), Job("train", {**names, "seed": "2"}, 2)]
    costs = Costs(selection, {}, NOWHERE)
    assert disk_bytes(selection, costs, jobs, 2) == 3 * weights + 4 * weights
    assert disk_bytes(selection, costs, jobs, 4) == 3 * weights + 2 * 4 * weights


def test_a_data_set_of_the_user_is_counted_once_it_is_prepared(speed, capsys, tmp_path, monkeypatch):
    monkeypatch.delitem(CONTENTS, "ptb")
    selection = chosen(datasets=["ptb"], sizes=["small"])
    runs = [job for job in jobs_of(selection) if job.rule == "train"]
    assert "unknown (the data set ptb has not been prepared yet)" in said(capsys, selection, runs)
    manifest = tmp_path / "ptb/manifest.json"
    manifest.parent.mkdir()
    arrays = '{"train": {"shape": [929589]}, "valid": {"shape": [73760]}, "test": {"shape": [82430]}}'
    manifest.write_text(f'{{"facts": {{"vocab_size": 10000}}, "arrays": {arrays}}}', "utf-8")
    announce(selection, {}, runs, tmp_path, 2)
    assert capsys.readouterr().err.startswith("This will take about ")


@pytest.mark.parametrize(
    "error", [subprocess.CalledProcessError(1, "python"), subprocess.TimeoutExpired("python", 9), RuntimeError("a\nb")]
)
def test_a_failure_to_estimate_is_one_line_and_ends_nothing(error, capsys, monkeypatch):
    def fail():
        raise error

    monkeypatch.setattr(estimate, "measured_flops_per_second", fail)
    line = said(capsys, chosen(), jobs_of(chosen()))
    assert line.startswith(f"How long this will take is unknown ({type(error).__name__}: ")


def test_the_probe_measures_one_thread_in_a_process_of_its_own(monkeypatch):
    started = []

    def run(command, *, env, **_):
        started.append(command)
        assert {env[name] for name in flops.EVERY_THREAD_COUNT} == {"1"}
        return subprocess.CompletedProcess(command, 0, stdout="5e9\n")

    monkeypatch.setattr(flops.subprocess, "run", run)
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert flops.measured_flops_per_second() == 5e9
    assert started == [[sys.executable, "-c", flops.PROBE]]


def test_the_probe_runs_and_prints_a_speed():
    assert 1e8 < flops.measured_flops_per_second() < 1e13


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "20 s"), (89, "89 s"), (90, "1.5 min"), (3600, "60 min"), (6000, "1.7 hours"), (72_000, "20 hours"),
     (130_000, "1.5 days"), (86_400 * 17.3, "17 days"), (86_400 * 123, "120 days")],
)  # fmt: skip
def test_a_time_has_two_figures_at_most(seconds, text):
    assert about(seconds) == text


def test_a_small_model_on_a_fast_machine_still_takes_its_start():
    costs = Costs(chosen(datasets=["markov"]), {}, NOWHERE)
    costs.flops_per_second = 1e15
    names = {"dataset": "markov", "size": "small", "implementation": "pytorch", "device": "cpu", "seed": "1"}
    assert costs.seconds(Job("train", names, 2)) > START_SECONDS

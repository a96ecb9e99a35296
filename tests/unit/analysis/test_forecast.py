"""The plan's arithmetic, small enough to check by hand, and its counts against what the loop really does."""

from __future__ import annotations

import dataclasses
import json
import math

import msgspec
import pandas as pd
import pytest
import yaml

from lstmbench.analysis import forecast
from lstmbench.analysis.forecast import MEMORY_MARGIN, Work, count_work, errors, predict, whole_disk_mb
from lstmbench.datasets import load_dataset
from lstmbench.models.presets import load_preset
from lstmbench.orchestration.config import checked
from lstmbench.orchestration.resources import SNAKEMAKE_MB, UNPLANNED, read_plan
from lstmbench.records.calibration import Calibration
from lstmbench.records.paths import RUN
from lstmbench.records.run import write_record
from lstmbench.records.run_record import Caps
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting.forecast import advice
from lstmbench.training.projector import VECTORS
from lstmbench.training.run import train_run
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import MachineError
from lstmbench.utils.paths import ROOT
from tests.factories.cases import Images, Text, make_case, make_request
from tests.factories.measurements import make_report
from tests.factories.records import make_run
from tests.helpers.run_command import run_command

EVALUATION = {
    "valid": {"first_seconds": 0.25, "predictions_per_second": 1000.0, "fastest_per_second": 2000.0},
    "test": {"first_seconds": 0.75, "predictions_per_second": 500.0, "fastest_per_second": 1000.0},
}


def measured(**changes):
    """A process that measured its case alone; its median is 0.1 s per step, and one block was disturbed."""
    blocks = [{"steps": 4, "seconds": seconds} for seconds in (0.4, 0.36, 0.44, 4.0, 0.4)]
    usual = {
        "phases__import_seconds": 2.0, "phases__build_seconds": 1.0, "phases__place_seconds": 0.5,
        "phases__first_step_seconds": 1.5, "blocks": blocks, "memory__peak_rss_bytes": 500_000_000,
        "memory__least_bytes__weights": 20_000_000,
        "details": {
            "evaluation": EVALUATION, "checkpoint": {"write_seconds": 0.2, "read_seconds": 0.1, "bytes": 20_000_000},
        },
    }  # fmt: skip
    return make_report(**{**usual, **changes})


def predicted(report=None, **options):
    report = report or measured()
    return predict(report, report.blocks, WORK, **options)


def calibration(disturbances=(), attempts=1, **changes):
    """The content of a calibration."""
    return {**plain(measured(**changes)), "disturbances": [*disturbances], "attempts": attempts}


WORK = Work(
    updates=101,
    epochs=3,
    tests=1,
    predictions={"valid": 2000, "test": 4000},
    evaluation_bytes=60_000_000,
    embedding_bytes=8_000_000,
)

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CONFIG = SHIPPED | {
    "datasets": ["markov"], "sizes": ["small"], "implementations": ["reference"], "seeds": [1, 2], "device": "cpu",
    "threads": 1, "max_updates": {"small": 150},
    "speed": SHIPPED["speed"] | {"sizes": ["small"], "implementations": ["reference"]},
}  # fmt: skip


FAILED = {"failure": "E4-MACHINE: no such framework", "failed": "2026-01-02T03:04:05+00:00"}


def rows(**columns):
    """Planned cases: ``columns`` beside those of PTB small."""
    length = max(len(values) for values in columns.values())
    usual = {
        "dataset": "ptb", "size": "small", "implementation": "pytorch", "device": "cpu", "threads": 1,
        "max_updates": None, "max_eval_predictions": None, "seeds": 1, "seconds": 3600.0, "mem_mb": 1000.0,
        "disk_mb": 60.0, "kept_mb": 0.1, "weights_mb": 20.0, "disturbed": "",
    }  # fmt: skip
    return pd.DataFrame({**{name: [value] * length for name, value in usual.items()}, **columns})


def test_a_run_is_its_start_its_updates_and_what_is_between_and_after_its_epochs():
    found = predicted()
    assert math.isclose(found["start_seconds"], 2.0 + 1.0 + 0.5 + 1.5)
    assert math.isclose(found["training_seconds"], 100 * 0.1)  # the first update was the first step
    assert math.isclose(found["evaluation_seconds"], (0.25 + 3 * 2.0) + (0.75 + 8.0))
    assert math.isclose(found["checkpoint_seconds"], 3 * 0.2)
    assert math.isclose(found["seconds"], 5.0 + 10.0 + 15.0 + 0.6)


@pytest.mark.parametrize(("single", "step"), [(0.08, 0.08), (0.12, 0.09)])
def test_of_a_disturbed_sample_the_fastest_step_and_evaluation_count(single, step):
    found = predicted(measured(fastest_step_seconds=single), disturbed=True)
    assert math.isclose(found["training_seconds"], 100 * step)
    assert math.isclose(found["evaluation_seconds"], (0.25 + 3 * 1.0) + (0.75 + 4.0))


def test_of_a_quiet_sample_its_fastest_step_does_not_count():
    found = predicted(measured(fastest_step_seconds=0.01))
    assert math.isclose(found["training_seconds"], 100 * 0.1)


def written(tmp_path, monkeypatch, capsys, content, config=CONFIG):
    """The folder of a plan made from one calibration with this ``content``, and what was printed."""
    folder = tmp_path / "plan"
    file = tmp_path / "calibration/markov/small/reference/cpu/threads-1.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(forecast, "load_dataset", lambda path: None)
    monkeypatch.setattr(
        forecast, "count_work", lambda *_, **caps: dataclasses.replace(WORK, updates=caps["max_updates"])
    )
    run_command("plan", [
        "--selection", json.dumps(config), "--data", str(tmp_path), "--calibrations", str(tmp_path / "calibration"),
        "--output-dir", str(folder),
    ])  # fmt: skip
    return folder, capsys.readouterr().out


def test_a_plan_counts_the_runs_of_each_size_by_its_own_seeds(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "load_dataset", lambda path: None)
    monkeypatch.setattr(forecast, "count_work", lambda *_, **caps: WORK)
    monkeypatch.setattr(forecast, "read_calibration", lambda path: converted(calibration(), Calibration, path))
    chosen = {**CONFIG, "sizes": ["small", "large"], "seeds": {"small": [1, 2, 3]}, "max_updates": 150}
    planned, _ = forecast.plan(checked(chosen), tmp_path, tmp_path)
    assert planned["seeds"].tolist() == [3, 1]


def test_a_plan_names_the_cases_that_were_disturbed_why_and_what_to_do(tmp_path, monkeypatch, capsys):
    disturbed = calibration(["foreign CPU 50.0 % > 2.0 %"], attempts=2, fastest_step_seconds=0.08)
    folder, shown = written(tmp_path, monkeypatch, capsys, disturbed)
    assert read_table(folder / "plan.csv")["disturbed"].tolist() == ["foreign CPU 50.0 % > 2.0 %"]
    assert "| disturbed" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("1 of 1 cases was disturbed")]
    assert "foreign CPU 50.0 % > 2.0 %" in line
    assert f"delete {tmp_path}/calibration/markov/small/reference/cpu/threads-1.json" in line


def test_a_plan_of_quiet_cases_says_nothing_of_disturbances(tmp_path, monkeypatch, capsys):
    _, shown = written(tmp_path, monkeypatch, capsys, calibration())
    assert "disturbed" not in shown


def test_a_case_that_cannot_run_is_named_and_the_others_are_planned(tmp_path, monkeypatch, capsys):
    broken = tmp_path / "calibration/markov/small/pytorch/cpu/threads-1.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(json.dumps(FAILED), encoding="utf-8")
    config = {**CONFIG, "implementations": ["reference", "pytorch"]}
    folder, shown = written(tmp_path, monkeypatch, capsys, calibration(), config=config)
    assert "markov small pytorch cpu cannot run here and is not planned: E4-MACHINE: no such framework" in shown
    assert "In all: 2 runs" in shown
    assert list(read_plan(folder / "plan.csv", checked(config))) == [("markov", "small", "reference", "cpu")]


def test_a_plan_of_nothing_that_can_run_says_why(tmp_path, monkeypatch, capsys):
    with pytest.raises(MachineError, match="nothing to plan: markov small reference cpu cannot run here"):
        written(tmp_path, monkeypatch, capsys, FAILED)


def test_memory_is_the_measured_peak_and_what_evaluation_and_checkpoints_add_with_a_margin():
    found = predicted()
    assert math.isclose(found["mem_mb"], MEMORY_MARGIN * (500 + 60 + 2 * 20))
    assert found["device_mb"] is None
    on_gpu = measured(memory__peak_device_bytes=100_000_000)
    assert math.isclose(predicted(on_gpu)["device_mb"], MEMORY_MARGIN * (100 + 60))


def test_disk_holds_a_third_checkpoint_while_it_replaces_the_first_and_one_of_other_settings():
    found = predicted()
    assert math.isclose(found["disk_mb"] - found["kept_mb"], (3 + 1) * 20)
    assert found["kept_mb"] < 0.1


def test_a_model_that_is_kept_stays_on_the_disk_and_its_embedding_once_more_for_tensorboard():
    without, kept = predicted(), predicted(keep_model=True)
    for name in ("kept_mb", "disk_mb"):
        assert math.isclose(kept[name] - without[name], 20.0 + 8.0)


@pytest.mark.parametrize(
    ("module", "caps", "changes"),
    [
        (Text, Caps(), {}),
        (Text, Caps(max_updates=3, max_eval_predictions=150), {}),
        (Images, Caps(), {"report_after_updates": 7}),
        (Images, Caps(max_updates=6), {"report_after_updates": 7}),
    ],
    ids=["text", "text, capped", "images, tested on the way", "images, capped before that test"],
)
def test_what_is_counted_is_what_the_loop_then_does(tmp_path, monkeypatch, module, caps, changes):
    files = make_case(tmp_path, monkeypatch, module, **changes)
    output = tmp_path / "run.json"
    train_run(make_request(files), caps=caps, checkpoints=tmp_path / "checkpoints", output=output)
    record = json.loads(output.read_text(encoding="utf-8"))
    work = count_work(load_dataset(files["data"]), load_preset(files["preset_file"]), **plain(caps))
    last, final = record["history"][-1], record["final"]
    assert (work.updates, work.epochs) == (last["updates"], last["epoch"])
    assert work.predictions == {"valid": last["valid_predictions"], "test": final["predictions"]}
    whole = [row for row in record["milestones"] if row["predictions"] == final["predictions"]]
    assert work.tests == 1 + len(whole)
    assert work.embedding_bytes == sum(path.stat().st_size for path in tmp_path.rglob(VECTORS))


def test_runs_side_by_side_share_the_time_but_not_the_longest_run():
    two = rows(seconds=[3600.0, 1200.0], seeds=[1, 3])
    assert forecast.whole_seconds(two, 1) == 3600 + 3 * 1200
    assert forecast.whole_seconds(two, 2) == 3600
    assert forecast.whole_seconds(rows(seconds=[3600.0, 100.0]), 2) == 3600


def test_a_gpu_takes_one_run_at_a_time_and_cores_as_many_as_their_threads_leave():
    selection = checked(CONFIG)
    assert forecast.side_by_side(selection, 8) == 8
    assert forecast.side_by_side(msgspec.structs.replace(selection, threads=3), 8) == 2
    assert forecast.side_by_side(msgspec.structs.replace(selection, threads=9), 8) == 1
    assert forecast.side_by_side(msgspec.structs.replace(selection, threads=[1, 4]), 8) == 2
    assert forecast.side_by_side(msgspec.structs.replace(selection, device="gpu"), 8) == 1


def test_initial_weights_shared_by_two_implementations_lie_on_the_disk_once():
    two = rows(implementation=["pytorch", "tensorflow"], seeds=[3, 3])
    assert math.isclose(whole_disk_mb(two, 2), 6 * 0.1 + 3 * 20.0 + 2 * 60.0)


def test_a_plan_of_less_than_a_day_comes_without_advice():
    assert advice(rows(seconds=[80_000.0]), 1) == []
    assert advice(rows(seconds=[80_000.0, 80_000.0]), 2) == []


def test_a_plan_of_days_names_what_takes_them_and_what_to_choose_instead():
    sizes, names = ["small", "small", "large", "large"], ["tensorflow", "pytorch"] * 2
    lines = advice(rows(size=sizes, implementation=names, seconds=[7200.0, 3600.0, 11.3 * 86400, 86400.0 * 2]), 1)
    assert lines == [
        "large with tensorflow: 11.3 days",
        "large with pytorch: 2.0 days",
        "on this machine choose sizes: [small]: 3.0 hours; or make quick, every case cut short",
    ]


def test_where_the_smallest_size_takes_days_one_seed_is_advised():
    assert "sizes: [small] with one seed: 11.1 hours" in advice(rows(seconds=[40_000.0], seeds=[3]), 1)[-1]


def test_a_finished_run_shows_how_far_its_plan_was_off():
    record = make_run(memory__peak_rss_bytes=800_000_000)  # took an hour
    (found,) = errors(rows(seconds=[3960.0]), [record]).itertuples()
    assert math.isclose(found.error_percent, 10.0)
    assert math.isclose(found.spare_percent, 25.0)
    assert found.processor == "Example CPU, 2 cores"


@pytest.mark.parametrize(
    "change", [{"resumed": 1}, {"settings__threads": 2}, {"settings__max_updates": 150}, {"size": "medium"}]
)
def test_a_plan_is_not_held_against_a_run_it_is_not_about(change):
    assert errors(rows(seconds=[3960.0]), [make_run(**change)]).empty


def test_the_verb_writes_the_plan_and_its_errors(tmp_path, capsys, monkeypatch):
    folder, shown = written(tmp_path, monkeypatch, capsys, calibration())
    assert shown.startswith((folder / "plan.md").read_text(encoding="utf-8"))
    assert "In all: 2 runs" in shown
    assert read_table(folder / "plan.csv")["kept_mb"].tolist() == pytest.approx([28.015])
    assert "No finished run" in (folder / "error.md").read_text(encoding="utf-8")
    (planned,) = read_plan(folder / "plan.csv", checked(CONFIG)).values()
    assert planned.request.minutes == math.ceil(2 * (5 + 149 * 0.1 + 15 + 0.6) / 60 + 10)
    assert planned.request.mem_mb == math.ceil(MEMORY_MARGIN * 600) + SNAKEMAKE_MB


def test_the_verb_holds_a_finished_run_against_its_plan(tmp_path, capsys, monkeypatch):
    record = make_run("markov", implementation="reference", settings__max_updates=150)
    path = RUN.format(dataset="markov", size="small", implementation="reference", device="cpu", seed=1)
    write_record(tmp_path / "mine" / path, record)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "lstmbench.commands.plan.read_record", lambda path: record
    )  # its other claims are not the plan's to check
    folder, shown = written(tmp_path, monkeypatch, capsys, calibration(), config={**CONFIG, "results": "mine"})
    assert read_table(folder / "error.csv")["processor"].tolist() == ["Example CPU, 2 cores"]
    assert "planned times are off by 99 %" in shown


def test_a_run_shorter_than_the_second_of_its_times_is_not_held_against_a_plan():
    record = make_run(started="2026-01-01T00:00:00+00:00", finished="2026-01-01T00:00:00+00:00")
    assert errors(rows(seconds=[3960.0]), [record]).empty


@pytest.mark.parametrize(
    "change", [{"threads": 2}, {"max_updates": None}, {"max_updates": {"small": 151}}, {"max_eval_predictions": 9}]
)
def test_a_plan_for_other_threads_or_caps_is_not_used(tmp_path, change):
    path = tmp_path / "plan.csv"
    write_table(path, rows(dataset=["markov"], implementation=["reference"], max_updates=[150]))
    assert read_plan(path, checked(CONFIG))
    assert not read_plan(path, checked({**CONFIG, **change}))


@pytest.mark.parametrize("content", [None, "", "dataset,size\nptb,small\n", "\n\n"])
def test_without_a_readable_plan_a_run_asks_for_plenty(tmp_path, content):
    path = tmp_path / "plan.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert read_plan(path, checked(CONFIG)) == {}
    assert UNPLANNED.minutes >= 24 * 60

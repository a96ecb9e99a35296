"""One line says at the start what the jobs will take, whatever happens."""

from __future__ import annotations

import subprocess

import msgspec
import pytest

from lstmbench.orchestration import estimate
from lstmbench.orchestration.announcement import about, announce
from lstmbench.orchestration.estimate import CONTENTS, Job
from lstmbench.orchestration.resources import read_plan
from tests.factories.jobs import NOWHERE, chosen, jobs_of


def printed(capsys, selection, jobs, planned=None, cores=2):
    """What ``announce`` prints, which is one line or none."""
    announce(selection, planned or {}, jobs, NOWHERE, cores)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") <= 1
    return output.err.removesuffix("\n")


def test_weeks_are_said_at_the_start_with_what_takes_less(speed, capsys):
    line = printed(capsys, chosen(), jobs_of(chosen()))
    assert line.startswith("This will take about 34 days on this machine: 36 runs and 6 speed measurements (")
    assert "50 GFLOP/s per thread" in line
    assert " make plan measures each case. Shorter: make demo, make quick, --config sizes=[small] (9.9 hours)" in line
    assert "--config seeds=[1] (11 days)." in line


def test_only_the_jobs_that_will_run_count(speed, capsys):
    jobs = jobs_of(chosen())
    left = [job for job in jobs if job.wildcards.get("size") == "small" and job.wildcards.get("seed") in ("1", None)]
    line = printed(capsys, chosen(), left)
    assert ": 4 runs and 2 speed measurements (" in line
    assert "sizes=" not in line
    assert "seeds=" not in line


def test_what_does_not_take_long_names_nothing_shorter(speed, capsys):
    selection = chosen(max_updates=10, max_eval_predictions=100, sizes=["small"])
    line = printed(capsys, selection, [job for job in jobs_of(selection) if job.rule == "train"])
    assert line.startswith("This will take about 1.8 min on this machine: 12 runs (")
    assert "Shorter" not in line


def test_tables_alone_are_not_worth_a_line(speed, capsys):
    assert printed(capsys, chosen(), [Job("report", {}, 1), Job("plot", {}, 1)]) == ""


def test_runs_with_a_plan_take_what_it_says_and_no_speed_is_measured(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "measured_flops_per_second", lambda: pytest.fail("measured"))
    monkeypatch.setattr(estimate, "usable_cores", lambda: 2)
    plan = tmp_path / "plan.csv"
    header = "dataset,size,implementation,device,threads,max_updates,max_eval_predictions,seconds,mem_mb"
    plan.write_text(f"{header}\nptb,small,pytorch,cpu,2,,,7200,1\nptb,small,tensorflow,cpu,2,99,,1,1\n", "utf-8")
    selection = chosen(datasets=["ptb"], sizes=["small"], implementations=["pytorch"])
    runs = [job for job in jobs_of(selection) if job.rule == "train"]
    planned = {case: row.seconds for case, row in read_plan(plan, selection).items()}
    line = printed(capsys, selection, runs, planned)
    assert line.startswith("This will take about 6 hours on this machine: 3 runs (the runs as planned).")
    assert "make plan" not in line
    both = chosen(datasets=["ptb"], sizes=["small"])
    assert set(read_plan(plan, both)) == {("ptb", "small", "pytorch", "cpu")}


def test_a_plan_of_some_cases_is_used_for_those(speed, capsys):
    planned = {("ptb", "small", "pytorch", "cpu"): 3600.0}
    line = printed(capsys, chosen(), jobs_of(chosen()), planned)
    assert "(1 of 12 cases as planned, the rest estimated from the models' FLOPs and 50 GFLOP/s per thread, " in line


def test_on_a_gpu_without_a_plan_the_time_is_said_to_be_unknown(capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measured_flops_per_second", lambda: pytest.fail("measured"))
    selection = msgspec.structs.replace(chosen(), device="gpu")
    jobs = [job._replace(wildcards={**job.wildcards, "device": "gpu"}) for job in jobs_of(selection) if job.wildcards]
    line = printed(capsys, selection, jobs)
    assert line.startswith("How long this will take is unknown (")
    assert line.endswith("; make plan measures it.")
    planned = {estimate.case_of(job): 3600.0 for job in jobs if job.rule == "train"}
    # One run at a time, however many cores there are.
    assert printed(capsys, selection, jobs, planned, cores=64).startswith(
        "This will take about 1.5 days on this machine"
    )


def test_for_other_machines_core_hours_are_named_and_no_time(speed, capsys):
    planned = {estimate.case_of(job): 3600.0 for job in jobs_of(chosen()) if job.rule == "train"}
    line = printed(capsys, chosen(), jobs_of(chosen()), planned, cores=None)
    assert line.startswith(
        "The runs will take about 72 core hours: 36 runs and 6 speed measurements (the runs as planned)"
    )
    assert line.endswith("When jobs start is up to the scheduler.")
    assert printed(capsys, chosen(), [job for job in jobs_of(chosen()) if job.rule == "measure"], cores=None) == ""


def test_disk_is_named_if_it_is_much(speed, capsys):
    assert "GB" not in printed(capsys, chosen(), jobs_of(chosen())).replace("GFLOP", "")
    many = [
        job._replace(wildcards={**job.wildcards, "seed": str(seed)})
        for job in jobs_of(chosen())
        if job.rule == "train"
        for seed in range(20)
    ]
    assert printed(capsys, chosen(), many).endswith(" GB of disk.")
    assert "GB" not in printed(capsys, chosen(keep_models=False), many).replace("GFLOP", "")


def test_a_data_set_of_the_user_is_counted_once_it_is_prepared(speed, capsys, tmp_path, monkeypatch):
    monkeypatch.delitem(CONTENTS, "ptb")
    selection = chosen(datasets=["ptb"], sizes=["small"])
    runs = [job for job in jobs_of(selection) if job.rule == "train"]
    assert "unknown (the data set ptb has not been prepared yet)" in printed(capsys, selection, runs)
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
    line = printed(capsys, chosen(), jobs_of(chosen()))
    assert line.startswith(f"How long this will take is unknown ({type(error).__name__}: ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "20 s"), (89, "89 s"), (90, "1.5 min"), (3600, "60 min"), (6000, "1.7 hours"), (72_000, "20 hours"),
     (130_000, "1.5 days"), (86_400 * 17.3, "17 days"), (86_400 * 123, "120 days")],
)  # fmt: skip
def test_a_time_has_two_figures_at_most(seconds, text):
    assert about(seconds) == text

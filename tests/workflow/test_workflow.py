from __future__ import annotations

import base64
import html
import json
import os
import re
import shlex
import shutil
import subprocess
import time

import pytest

from lstmbench.records import table_names
from lstmbench.utils.files import hash_arrays, read_arrays
from lstmbench.utils.paths import ROOT
from tests.helpers.workdir import TINY, Workdir, copy_workdir, planned


def test_a_size_and_an_implementation_added_by_one_file_each_reach_the_report(workdir):
    report = (workdir.root / "results/tiny/report.html").read_text(encoding="utf-8")
    assert "copycat" in report
    assert "tiny" in report
    for implementation in ("reference", "copycat"):
        record = json.loads(
            (workdir.root / f"results/tiny/runs/markov/tiny/{implementation}/cpu/seed-1/run.json").read_text()
        )
        assert record["run"]["implementation"] == implementation
        assert record["settings"]["threads"] == 1


def test_a_colon_in_the_project_s_path_is_refused_in_one_line_before_anything_is_built(tmp_path):
    (tmp_path / "a:b").mkdir()
    copy_workdir(tmp_path / "a:b")
    done = Workdir(tmp_path / "a:b").snakemake()
    assert done.returncode == 2
    lines = [line for line in done.stdout.splitlines() if "a:b" in line]
    assert lines == [
        f"error: E2-USAGE: {tmp_path}/a:b: a folder whose path holds ':' cannot be on PATH: rename or move it"
    ]
    assert not (tmp_path / "a:b/results").exists()


def test_what_snakemake_would_lose_of_a_command_line_or_of_a_file_is_refused_in_one_line(tmp_path):
    copy_workdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("threads: 1\nseeds: [1]\nthreads: 2\n", encoding="utf-8")
    quick = ["--configfile", "workflow/configs/quick.yaml"]
    for words, why in (
        ([*quick, "--configfile", "mine.yaml"], "command line: expected --configfile once, found it twice"),
        ([*quick, "mine.yaml"], "mine.yaml line 3: expected each key once, found 'threads' again"),
    ):
        done = Workdir(tmp_path).command(*words)
        assert done.returncode == 2
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("error: E2-USAGE: ")]
        assert why in line
    assert not (tmp_path / "results").exists()


def test_two_implementations_that_are_one_end_with_the_same_weights(workdir):
    runs = (workdir.root / "results/tiny/runs/markov/tiny").glob("*/cpu/seed-1/run.json")
    assert len({json.loads(path.read_text())["final_weights_sha256"] for path in runs}) == 1


def test_a_capped_run_says_so_in_its_record_and_wherever_it_is_shown(workdir):
    path = workdir.root / "results/tiny/runs/markov/tiny/copycat/cpu/seed-1/run.json"
    caps = json.loads(path.read_text())["caps"]
    assert caps[0].startswith("trained for 12 of ")
    assert caps[1] == "evaluated on the first 500 predictions"
    for name in ("tables/quality.md", "report.html"):
        assert "capped" in (workdir.root / "results/tiny" / name).read_text(encoding="utf-8"), name


def test_a_complete_run_leaves_no_checkpoint(workdir):
    assert not list((workdir.root / "results/tiny").glob("checkpoints/**/*.safetensors"))


def test_the_default_profile_is_found(workdir):
    assert "Using workflow specific profile profiles/default" in workdir.snakemake("--dry-run").stdout


def test_nothing_is_left_to_do_after_a_run(workdir):
    assert not workdir.planned()


def test_a_model_is_kept_and_neither_its_loss_nor_the_wish_to_keep_none_repeats_a_run(workdir):
    folder = workdir.root / "results/tiny/runs/markov/tiny/copycat/cpu/seed-1"
    model = folder / "model.safetensors"
    record = json.loads((folder / "run.json").read_text())
    assert hash_arrays(read_arrays(model)) == record["final_weights_sha256"]
    elsewhere = model.rename(folder / "elsewhere")
    try:
        assert not workdir.planned()
        assert not workdir.planned(keep_models="false")["train"]
    finally:
        elsewhere.rename(model)


def test_the_commands_of_the_report_plan_what_was_made_and_would_make_it_in_the_same_way(workdir):
    text = html.unescape((workdir.root / "results/tiny/report.html").read_text(encoding="utf-8"))
    found = re.findall(r'(?:^|<td class="code"[^>]*>)(snakemake .*?)</(?:pre|td)>', text, re.M)
    whole, *rows = (shlex.split(command)[1:] for command in found)
    assert not planned(workdir.command("--dry-run", *whole))
    assert len(rows) == 3
    for row in (rows[0], rows[-1]):
        # Nothing is to be done: inputs, parameters and code are those of what is there.
        assert not planned(workdir.command("--dry-run", *[word for word in row if word != "--force"]))
    assert planned(workdir.command("--dry-run", *rows[0])) == {"train": 1}
    assert planned(workdir.command("--dry-run", *rows[-1])) == {"measure": 1}


def test_editing_one_implementation_re_runs_only_its_runs(workdir):
    path = workdir.root / "workflow/lstmbench/implementations/copycat.py"
    before = path.read_text()
    path.write_text(before + "\nEDITED = 1\n")
    try:
        jobs = workdir.planned()
    finally:
        path.write_text(before)
    assert jobs["train"] == 1
    assert not jobs["prepare"]
    assert not jobs["initialise"]
    assert jobs["report"]


def test_editing_a_preset_re_draws_its_weights_and_re_runs_its_size(workdir):
    path = workdir.root / "workflow/presets/markov/tiny.yaml"
    path.write_text(TINY.replace("hidden_size: 8", "hidden_size: 9"))
    try:
        jobs = workdir.planned()
    finally:
        path.write_text(TINY)
    assert jobs["train"] == 2
    assert jobs["initialise"] == 1


def test_another_cap_re_runs_the_runs_but_not_the_data(workdir):
    jobs = workdir.planned(max_updates="13")
    assert jobs["train"] == 2
    assert not jobs["initialise"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"implementations": "[reference,copykat]"}, "unknown implementation 'copykat' (did you mean copycat?)"),
        ({"thread": "1"}, "unknown configuration key 'thread' (did you mean threads?)"),
    ],
)
def test_a_wrong_selection_ends_with_one_clear_line_also_beside_results(workdir, change, message):
    done = workdir.snakemake("--dry-run", **change)
    assert done.returncode == 2, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Nothing to be done" not in done.stdout


def test_each_run_has_a_checkpoint_folder_of_its_own(workdir):
    done = workdir.snakemake("--dry-run", "--forceall")
    folders = re.findall(r"--checkpoints (\S+)", done.stdout)
    assert sorted(folders) == [
        f"results/tiny/checkpoints/markov/tiny/{name}/cpu/seed-1" for name in ("copycat", "reference")
    ]


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["--config", "device=cpu"], 2 * 3 * 2 * 3),
        (["--configfile", "workflow/configs/demo.yaml"], 2 * 2 * (5 + 1 + 1)),
        (["--configfile", "workflow/configs/quick.yaml", "--config", "device=cpu"], 12),
    ],
    ids=["shipped", "demo", "quick"],
)
def test_the_ready_configurations_plan_every_case(workdir, arguments, runs):
    assert planned(workdir.command("--dry-run", *arguments))["train"] == runs


def test_a_damaged_record_stops_the_tables_and_is_named(workdir, tmp_path):
    shutil.copytree(workdir.root, tmp_path / "damaged", symlinks=True)
    damaged = Workdir(tmp_path / "damaged")
    path = damaged.root / "results/tiny/runs/markov/tiny/copycat/cpu/seed-1/run.json"
    before = path.read_bytes()
    path.write_bytes(before[: len(before) // 2])
    done = damaged.snakemake("--forcerun", "collect")
    assert done.returncode != 0
    assert "copycat/cpu/seed-1/run.json" in done.stdout
    assert "not JSON" in done.stdout
    path.write_bytes(before)
    assert damaged.snakemake("collect").returncode == 0


RULES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow/rules").glob("*.smk")))


def test_every_rule_takes_its_share_of_the_machine():
    executing = len(re.findall(r"^(?:rule|checkpoint) ", RULES, flags=re.MULTILINE))
    assert executing
    assert RULES.count("machine=") == executing


def test_every_rule_of_several_threads_has_the_parameter_by_which_too_few_cores_are_refused():
    of_several = [rule for rule in re.split(r"^rule ", RULES, flags=re.MULTILINE) if "\n    threads: " in rule]
    assert len(of_several) == 3
    assert all("\n        threads=threads_as_argument," in rule for rule in of_several)


@pytest.mark.slow
def test_several_numbers_of_threads_are_run_side_by_side_and_make_a_figure(workdir):
    speed = "{sizes: [tiny], implementations: [reference], processes: 1, attempts: 1, blocks: 2}"
    changes = {"threads": "[1,2]", "implementations": "[reference]", "results": "results/threads", "speed": speed}
    done = workdir.snakemake(**changes)
    assert done.returncode == 0, done.stdout
    results = workdir.root / "results/threads"
    for threads in (1, 2):
        case = results / f"runs/markov/tiny/reference/cpu-t{threads}/seed-1/run.json"
        assert json.loads(case.read_text())["settings"]["threads"] == threads
        measured = results / f"measurements/markov/tiny/cpu-t{threads}/measurement.json"
        assert json.loads(measured.read_text())["threads"] == threads
    assert (results / "figures/threads_markov.svg").exists()
    assert not (results / "figures/workers_markov.svg").exists()
    assert {path.stem for path in (results / "parity/reference").iterdir()} == {"cpu"}
    report = (results / "report.html").read_text(encoding="utf-8")
    assert "cpu-t1" in report
    assert "cpu-t2" in report
    assert not workdir.planned(**changes)


DISTRIBUTED = {"workers": "[2]", "implementations": "[pytorch_ddp]"}


@pytest.mark.parametrize(
    ("limit", "target", "changes", "needs"),
    [
        ("--cores 1", "measurements/markov/tiny/cpu/measurement.json", {"threads": "2"}, "2 threads"),
        ("--set-threads train=1", "runs/markov/tiny/copycat/cpu-t2/seed-1/run.json", {"threads": "[1,2]"}, "2 threads"),
        (
            "--max-threads 1",
            "runs/markov/tiny/pytorch_ddp/cpu-x2/seed-1/run.json",
            DISTRIBUTED,
            "2 workers of 1 thread",
        ),
    ],
)
def test_fewer_cores_than_a_job_has_threads_are_refused_before_any_job(workdir, limit, target, changes, needs):
    done = workdir.snakemake(f"results/cores/{target}", *limit.split(), **changes, results="results/cores")
    assert done.returncode == 2, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert f": expected 2 cores ({needs}), found 1; write --cores 2, or " in line
    assert not (workdir.root / "results/cores").exists()
    assert "Traceback" not in done.stdout


def test_a_dry_run_and_jobs_of_one_thread_need_no_more_cores(workdir):
    assert workdir.planned("--cores", "1", threads="2", results="results/cores")["train"] == 2
    done = workdir.snakemake("--cores", "1", "results/data/markov/manifest.json", threads="2", results="results/cores")
    assert done.returncode == 0, done.stdout


def test_another_number_of_threads_repeats_what_was_trained_and_measured_with_the_first(workdir):
    jobs = workdir.planned(threads="2")
    assert (jobs["train"], jobs["measure"]) == (2, 1)


def test_numbers_of_a_measurement_that_change_places_are_measured_anew(workdir):
    speed = "{sizes: [tiny], implementations: [reference, copycat], processes: 2, attempts: 1, blocks: 1}"
    assert workdir.planned(speed=speed)["measure"] == 1


def on_a_terminal(workdir, *arguments):
    """What ``make`` shows of a command: stderr and stdout in one."""
    return subprocess.run(
        workdir.words("bench", "--logger", "lstmbench", *arguments), **workdir.circumstances(workdir.root / "workflow")
    )


def test_make_shows_a_line_per_job_and_a_closing_table_and_a_failed_job_with_its_reason_and_log(workdir):
    done = on_a_terminal(workdir)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^1 of 1 done: Making the closing table of the speeds, \d+ s$", done.stdout, re.MULTILINE)
    again = on_a_terminal(workdir)
    for shown in (done.stdout, again.stdout):
        table = shown.partition("\ndata set")[2].splitlines()
        assert table[-1] == "Speeds: results/tiny/tables/speed.md"
        assert [line.split()[2] for line in table if line.startswith("markov")] == ["copycat", "reference"]
        assert max(map(len, table)) <= 100
    assert "Everything is made already." in again.stdout
    # Snakemake without the plug-in still works, and shows the same table.
    plain = workdir.snakemake("bench", "--forcerun", "closing_speed")
    assert "Speeds: results/tiny/tables/speed.md" in plain.stdout
    assert "Finished jobid" in plain.stdout

    damaged = workdir.root / "results/tiny/tables/speed.parquet"
    good, times = damaged.read_bytes(), damaged.stat()
    damaged.write_bytes(b"none")
    try:
        failed = on_a_terminal(workdir, "--forcerun", "closing_speed")
    finally:
        damaged.write_bytes(good)
        os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert failed.returncode == 1
    last = failed.stdout.partition("The full log: ")[2]
    assert "FAILED: Making the closing table of the speeds\n    E3-DATA: results/tiny/tables/speed.parquet: " in last
    assert "its log: results/tiny/logs/closing_speed.log" in last
    assert "Speeds: " not in failed.stdout


def test_the_report_of_snakemake_holds_every_table_as_a_page_and_none_to_download(workdir):
    # A job that failed in a test before this one may have taken a figure with it, which the page does not need again.
    assert workdir.snakemake("bench").returncode == 0
    done = workdir.snakemake("--report", "made.html")
    assert done.returncode == 0, done.stdout
    held = set(re.findall(r"^Adding (\S+) \(", done.stdout, re.MULTILINE))
    shown = (*table_names.QUALITY, *table_names.SPEED_SHOWN, *table_names.AGAINST_BASELINES, "precision")
    assert {f"{name}.html" for name in (*shown, "workers", "threads", "report")} <= held
    assert not any(name.endswith((".md", ".tex", ".csv")) for name in held)
    speed = (workdir.root / "results/tiny/tables/speed.html").read_bytes()
    assert f"base64,{base64.b64encode(speed).decode('ascii')}" in (workdir.root / "made.html").read_text()


def test_a_plan_calibrates_every_case_once_and_trains_nothing(workdir):
    done = workdir.snakemake("--dry-run", "plan", "--forcerun", "calibrate", seeds="[1,2]")
    jobs = planned(done)
    assert (jobs["calibrate"], jobs["plan"]) == (2, 1)
    assert not jobs["train"]
    folders = re.findall(r"--output (results/calibration/\S+)", done.stdout)
    assert sorted(folders) == [
        f"results/calibration/markov/tiny/{name}/cpu/threads-1.json" for name in ("copycat", "reference")
    ]


def test_seeds_by_size_plan_the_runs_that_the_same_list_plans_and_repeat_none(workdir):
    assert not workdir.planned(seeds="{tiny: [1]}")
    assert workdir.planned(seeds="{tiny: [1, 2]}") == workdir.planned(seeds="[1,2]")
    assert workdir.planned(seeds="{tiny: [1, 2]}")["train"] == 2
    # A speed and a plan start from the first seed of their own size.
    assert workdir.planned("bench", seeds="{tiny: [3, 1]}") == workdir.planned("bench", seeds="[3]")


def test_a_plan_calibrates_every_number_of_threads(workdir):
    done = workdir.snakemake("--dry-run", "plan", threads="[1,2]", implementations="[reference]")
    folders = re.findall(r"--threads (\d) .*--output (results/calibration/\S+)", done.stdout)
    assert sorted(folders) == [
        (threads, f"results/calibration/markov/tiny/reference/cpu-t{threads}/threads-{threads}.json")
        for threads in "12"
    ]


def test_calibrations_are_shared_by_configurations_with_other_caps(workdir):
    done = workdir.snakemake("--dry-run", "plan", "--forcerun", "calibrate", max_updates="13", results="results/other")
    assert "--output results/calibration/markov/tiny/reference/cpu/threads-1.json" in done.stdout


def test_a_plan_repeats_no_finished_run_and_holds_no_local_run_back(workdir):
    header = "dataset,size,implementation,device,threads,max_updates,max_eval_predictions,seconds,mem_mb"
    # More memory than any machine has.
    text = f"{header}\nmarkov,tiny,reference,cpu,1,12,500,600,987654321\n"
    paths = [workdir.root / f"results/{name}/plan/plan.csv" for name in ("tiny", "planned")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    try:
        assert not workdir.planned()
        done = workdir.snakemake(
            "results/planned/runs/markov/tiny/reference/cpu/seed-1/run.json", results="results/planned"
        )
        assert done.returncode == 0, done.stdout
    finally:
        shutil.rmtree(paths[0].parent)


@pytest.mark.slow
def test_5000_runs_are_planned_by_a_dry_run_within_minutes(workdir):
    start = time.monotonic()
    jobs = planned(workdir.snakemake("--dry-run", "--quiet", "rules", seeds=str(list(range(1, 2501))).replace(" ", "")))
    assert jobs["train"] > 4990  # those of the fixture are there already
    assert time.monotonic() - start < 600

"""One training over several workers: within a job of the workflow, and as the tasks of a job of one's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstmbench.records.tables import read_table
from tests.cluster.slurm import NODES
from tests.helpers.case import Case, essence

TOLERANCE = 1e-4
"""Of a loss, relative, as in tests/workflow/test_workers.py."""


@pytest.fixture(scope="module")
def shared(build_site):
    """A run with one worker and one with two, and the table of how it speeds up."""
    site = build_site("workers")
    chosen = {"implementations": "[pytorch_ddp]", "workers": "[1,2]", "max_updates": "200"}
    site.run("results/tiny/tables/workers.csv", **chosen)
    return site


def test_a_job_asks_for_the_threads_of_all_its_workers_on_one_node(shared):
    jobs = {job["Comment"].split("_")[-2]: job for job in shared.jobs("train")}
    assert len(jobs) == 2, [job["Comment"] for job in shared.jobs("train")]
    assert sorted(job["NumCPUs"] for job in jobs.values()) == ["1", "2"]
    assert {job["NumNodes"] for job in jobs.values()} == {"1"}


def test_two_workers_in_a_job_end_with_what_one_ends_with(shared):
    one, two = (
        json.loads((shared.root / f"results/tiny/runs/markov/tiny/pytorch_ddp/{device}/seed-1/run.json").read_text())
        for device in ("cpu", "cpu-x2")
    )
    assert two["final"]["loss"] == pytest.approx(one["final"]["loss"], rel=TOLERANCE)
    assert two["machine"]["node"] in NODES


def test_the_table_of_several_workers_is_made(shared):
    table = read_table(shared.root / "results/tiny/tables/workers.csv")
    assert table["workers"].tolist() == [1, 2]


def test_the_tasks_of_a_job_are_workers(slurm, tmp_path_factory):
    case = Case(tmp_path_factory.mktemp("case"))
    folder = tmp_path_factory.mktemp("tasks")
    environment = slurm.environment(Path(sys.executable).parent)
    environment |= {"PYTHONPATH": case.environment()["PYTHONPATH"], "MASTER_ADDR": "127.0.0.1"}
    # A port of the dynamic range that hardly anybody has, for want of a way to reserve one.
    environment["MASTER_PORT"] = str(49152 + os.getpid() % 16384)
    train = [
        "python", "-m", "lstmbench", "train", "--implementation", "pytorch_ddp", "--device", "cpu-x2", "--data",
        case.folder / "data", "--preset", case.preset, "--weights", case.folder / "weights.safetensors", "--seed", "1",
        "--checkpoints", folder / "checkpoints", "--output", folder / "run.json",
    ]  # fmt: skip
    done = subprocess.run(
        ["srun", "--ntasks=2", "--nodes=1", "--kill-on-bad-exit", *map(str, train)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = case.whole("pytorch_ddp", folder / "alone")
    assert essence(folder / "run.json")["loss"] == pytest.approx(expected["loss"], rel=TOLERANCE)

"""Jobs that a cluster ends (killed, cancelled, out of time, out of memory) are submitted again and go on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.cluster.conftest import RUNS
from tests.cluster.slurm import MEMORY_MB
from tests.helpers.case import essence

SLOW = '''\
"""The reference, {seconds} s later for every update."""

import time

from lstmbench.implementations import reference
from lstmbench.implementations.reference import *


class Learner(reference.Learner):
    def train_block(self, data, batches, state, learning_rate):
        time.sleep({seconds} * len(batches))
        return super().train_block(data, batches, state, learning_rate)
'''

GREEDY = '''\
"""The reference, with more memory than was planned."""

import time

from lstmbench.implementations import reference
from lstmbench.implementations.reference import *


class Learner(reference.Learner):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.hoard = b"x" * (800 << 20)
        time.sleep(3)
'''

PLAN = """\
dataset,size,implementation,device,threads,max_updates,max_eval_predictions,seconds,mem_mb
markov,tiny,greedy,cpu,1,{updates},500,60,400
"""

UPDATES = 120

SLOW_SECONDS = 1.0
"""Of an update, so that two minutes are too few for all.  Slurm looks at the limits every 30 s, so the signal comes up
to 40 s before the end: a job that may run for one minute could get it while it still starts."""

INTERRUPTED = ("killed", "cancelled", "slow", "greedy")


def add(site, name, source):
    path = site.root / f"workflow/lstmbench/implementations/{name}.py"
    path.write_text(source, encoding="utf-8")


def checkpoint(site, name, seed=1):
    folder = site.root / f"results/tiny/checkpoints/markov/tiny/{name}/cpu/seed-{seed}"
    return max(folder.glob("*.safetensors"), default=None)


def trainers(site, name):
    """The processes that train with an implementation now."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if words[1:4] == ["-m", "lstmbench", "train"] and name in words and process.cwd() == str(site.root):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def interrupted(build_site):
    """Runs that a cluster ends in four ways, and one that it does not."""
    site = build_site("interrupted")
    for name, seconds in {"killed": 0.1, "cancelled": 0.1, "slow": SLOW_SECONDS}.items():
        add(site, name, SLOW.format(seconds=seconds))
    add(site, "greedy", GREEDY)
    plan = site.root / "results/tiny/plan/plan.csv"
    plan.parent.mkdir(parents=True)
    plan.write_text(PLAN.format(updates=UPDATES), encoding="utf-8")

    def shorten(profile):
        train = profile["set-resources"]["train"]
        train["runtime"] = "2 * attempt if wildcards.implementation == 'slow' else 30"
        assert train["slurm_extra"] == "'--signal=TERM@60'"
        train["slurm_extra"] = "'--signal=TERM@10'"

    site.adapt(shorten)
    records = [f"{RUNS}/{name}/cpu/seed-1/run.json" for name in ("reference", *INTERRUPTED)]
    chosen = {"implementations": f"[reference,{','.join(INTERRUPTED)}]", "max_updates": str(UPDATES)}
    snakemake = site.start(*records, checkpoint_seconds="1", **chosen)
    site.wait_for(lambda: checkpoint(site, "killed"))
    trainers(site, "killed")[0].kill()
    site.wait_for(lambda: checkpoint(site, "cancelled"))
    site.slurm.run("scancel", site.jobs("train", "cancelled")[0]["JobId"])
    assert snakemake.wait() == 0, site.printed
    return site


@pytest.mark.parametrize("name", INTERRUPTED)
def test_it_ends_with_the_bits_of_a_run_that_nothing_ended(interrupted, name):
    folder = interrupted.root / RUNS
    assert essence(folder / f"{name}/cpu/seed-1/run.json") == essence(folder / "reference/cpu/seed-1/run.json")


@pytest.mark.parametrize(("name", "state"), [("killed", "FAILED"), ("cancelled", "CANCELLED"), ("slow", "FAILED")])
def test_it_was_submitted_twice_and_went_on_from_a_checkpoint(interrupted, name, state):
    first, second = interrupted.jobs("train", name)
    assert (first["JobState"], second["JobState"]) == (state, "COMPLETED")
    record = json.loads((interrupted.root / RUNS / f"{name}/cpu/seed-1/run.json").read_text())
    assert record["resumed"] == 1


def test_before_its_time_is_up_a_run_saves_and_then_asks_for_more_time(interrupted):
    first, second = interrupted.jobs("train", "slow")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:02:00", "00:04:00")
    assert first["RunTime"] < "00:02:00"
    assert "stopped by SIGTERM; saved after" in interrupted.printed


def test_out_of_memory_it_is_tried_again_with_more(interrupted):
    first, second = interrupted.jobs("train", "greedy")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("900M", "1800M")
    assert "exceeded memory limit" in Path(first["StdOut"]).read_text()
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")


def test_ctrl_c_takes_the_jobs_out_of_the_queue_and_they_save(build_site):
    site = build_site("stopped")
    add(site, "slow", SLOW.format(seconds=0.5))
    # Two have a node each, the third waits.
    site.adapt(lambda profile: profile["set-resources"]["train"].update({"mem_mb": 2 * MEMORY_MB // 3}))
    records = [f"{RUNS}/slow/cpu/seed-{seed}/run.json" for seed in (1, 2, 3)]
    snakemake = site.start(
        *records, implementations="[slow]", seeds="[1,2,3]", max_updates="1000", checkpoint_seconds="3600"
    )
    site.wait_for(lambda: sorted(job["JobState"] for job in site.jobs()) == ["PENDING", "RUNNING", "RUNNING"])
    site.wait_for(lambda: len(list(site.root.glob("results/tiny/checkpoints/*/*/*/*/*/holder-*.json"))) == 2)
    time.sleep(2)
    snakemake.send_signal(signal.SIGINT)
    assert snakemake.wait() != 0
    site.wait_for(lambda: {job["JobState"] for job in site.jobs()} == {"CANCELLED"})
    site.wait_for(lambda: not trainers(site, "slow"))
    assert len([seed for seed in (1, 2, 3) if checkpoint(site, "slow", seed)]) == 2

"""Runs that fail for a reason of their own are rows, the others go on, and the next time they are tried again."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path

import pytest

from lstmbench.records.tables import read_table
from lstmbench.system import hardware
from lstmbench.utils.errors import MachineError
from tests.helpers.workdir import TINY, planned

CHANGES = {"sizes": "[tiny,wild]", "implementations": "[reference,absent]", "results": "results/failures"}


@pytest.fixture(scope="module")
def failed(workdir):
    """The results of a workflow with a framework that is not installed and a size that diverges."""
    wild = TINY.replace("learning_rate: 0.5", "learning_rate: 9.0e+5").replace("max_grad_norm: 5.0\n", "")
    (workdir.root / "workflow/presets/markov/wild.yaml").write_text(wild, encoding="utf-8")
    absent = '"""A framework that nobody has."""\n\nimport no_such_framework  # noqa: F401\n'
    (workdir.root / "workflow/lstmbench/implementations/absent.py").write_text(absent, encoding="utf-8")
    done = workdir.snakemake(**CHANGES)
    assert done.returncode == 0, done.stdout
    return workdir.root / "results/failures"


def test_every_run_that_was_asked_for_is_a_row(failed):
    rows = read_table(failed / "tables/quality.csv").set_index(["size", "implementation"])
    assert rows.loc[("tiny", "reference"), "failure"] == ""
    assert "no_such_framework" in rows.loc[("tiny", "absent"), "failure"]
    assert rows.loc[("tiny", "absent"), "failure"].startswith("E4-MACHINE: ")
    diverged = rows.loc[("wild", "reference"), "failure"]
    assert diverged.startswith("E5-DIVERGED: markov/wild/reference/cpu/1: the loss of update ")
    assert "at learning rate 900000" in diverged
    assert "checkpoint" in diverged


def test_the_report_says_what_failed_and_why(failed):
    text = (failed / "report.html").read_text(encoding="utf-8")
    assert "<strong>markov, tiny, absent on cpu, seed 1</strong>: E4-MACHINE" in text
    assert "3 failed" in text


def test_what_failed_and_only_that_is_tried_again(workdir, failed):
    assert workdir.planned(**CHANGES)["train"] == 3
    assert workdir.snakemake("collect", **CHANGES).returncode == 0
    assert workdir.planned(**CHANGES)["train"] == 3
    path = failed / "runs/markov/tiny/absent/cpu/seed-1/failed.json"
    assert json.loads(path.read_text(encoding="utf-8"))["failure"]["exit_code"] == 4


LATER = {
    "implementations": "[reference]",
    "speed": "{sizes: [tiny], implementations: [reference, later], processes: 1, attempts: 1, blocks: 2}",
    "results": "results/later",
}
LATER_TARGETS = ["results/later/measurements/markov/tiny/cpu/measurement.json", "results/later/parity/later/cpu.csv"]


def test_a_framework_that_is_installed_later_is_measured_and_certified_once(workdir, tmp_path):
    source = "import framework_of_later  # noqa: F401\n\nfrom lstmbench.implementations.reference import *\n"
    (workdir.root / "workflow/lstmbench/implementations/later.py").write_text(source, encoding="utf-8")

    def snakemake(*arguments):
        words = workdir.words(*LATER_TARGETS, *arguments, **LATER)
        return subprocess.run(words, **workdir.circumstances(modules=tmp_path))

    assert snakemake().returncode == 0
    record = workdir.root / LATER_TARGETS[0]
    assert [one["implementation"] for one in json.loads(record.read_text(encoding="utf-8"))["failures"]] == ["later"]
    assert not planned(snakemake("--dry-run"))
    module = tmp_path / "framework_of_later.py"
    module.touch()
    assert planned(snakemake("--dry-run")) == {"measure": 1, "certify": 1}
    assert snakemake().returncode == 0
    assert not json.loads(record.read_text(encoding="utf-8"))["failures"]
    assert set(read_table(workdir.root / LATER_TARGETS[1])["failure"]) == {""}
    assert not planned(snakemake("--dry-run"))
    module.unlink()
    assert planned(snakemake("--dry-run")) == {"certify": 1}


MOODY = {"implementations": "[reference,moody]", "results": "results/moody"}
MOODY_SOURCE = """\
import time
from pathlib import Path

if Path("broken").exists():
    raise ImportError("moody is broken")
while Path("wait").exists():
    time.sleep(0.1)
from lstmbench.implementations.reference import *  # noqa: E402
"""


@pytest.fixture
def moody(workdir):
    """An implementation that cannot be imported while there is a file ``broken``, and waits while there is ``wait``."""
    path = workdir.root / "workflow/lstmbench/implementations/moody.py"
    if not path.exists():  # the same modification time for all tests
        path.write_text(MOODY_SOURCE, encoding="utf-8")
    yield workdir
    for name in ("broken", "wait"):
        (workdir.root / name).unlink(missing_ok=True)


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Modification time and hash of every file below a folder."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


READING = [
    ["--dry-run"],
    ["--lint"],
    ["--summary"],
    ["--unlock"],
    ["--list-rules"],
    ["--dag"],
    ["--list-params-changes"],
    ["--report", "elsewhere.html"],
]


@pytest.mark.parametrize("arguments", READING, ids=lambda words: words[0])
def test_reading_the_workflow_changes_nothing(workdir, failed, arguments):
    assert len(list(failed.glob("runs/*/*/*/*/*/run.json"))) == 4  # three of them failures
    before = state(failed.parent)
    assert "error: " not in workdir.snakemake(*arguments, **CHANGES).stdout
    assert state(failed.parent) == before


def test_a_failed_run_is_planned_until_it_succeeds_and_then_no_more(moody):
    (moody.root / "broken").touch()
    assert moody.snakemake("collect", **MOODY).returncode == 0
    assert planned(moody.snakemake("--dry-run", "collect", **MOODY))["train"] == 1
    (moody.root / "broken").unlink()
    assert moody.snakemake("collect", **MOODY).returncode == 0
    assert "failure" not in json.loads(
        (moody.root / "results/moody/runs/markov/tiny/moody/cpu/seed-1/run.json").read_text(encoding="utf-8")
    )
    assert not planned(moody.snakemake("--dry-run", "collect", **MOODY))


def test_a_second_instance_touches_nothing_of_a_running_benchmark(moody, failed):
    changes = {**MOODY, "implementations": "[absent,moody]", "results": "results/two"}
    (moody.root / "wait").touch()
    first = subprocess.Popen(moody.words("collect", **changes), **moody.circumstances())
    results = moody.root / "results/two"
    failure = results / "runs/markov/tiny/absent/cpu/seed-1/run.json"
    waiting = results / "logs/train/markov/tiny/moody/cpu/seed-1.log"
    try:
        while not (failure.exists() and waiting.exists()):
            assert first.poll() is None, first.stdout.read()
            time.sleep(0.1)
        time.sleep(1)  # Snakemake has seen that it ended
        before = state(results)
        assert planned(moody.snakemake("--dry-run", "collect", **changes))["train"]
        second = moody.snakemake("collect", **changes)
        assert state(results) == before
    finally:
        (moody.root / "wait").unlink()
        output, _ = first.communicate()
    assert second.returncode != 0
    assert "lock" in second.stdout.lower()
    assert first.returncode == 0, output


@pytest.mark.parametrize("implementation", ["reference", "pytorch"])
def test_a_gpu_that_is_not_there_ends_a_run_with_the_code_that_becomes_a_row(case, tmp_path, implementation):
    if hardware.gpu_names():
        pytest.skip("this machine has a GPU")
    process = case.train(implementation, tmp_path, device="gpu")
    assert process.wait() == MachineError.exit_code
    message = process.stderr.read()
    assert "error: E4-MACHINE: " in message
    assert "device gpu was asked for" in message
    assert not (tmp_path / "run.json").exists()

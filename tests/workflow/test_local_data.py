"""Folders of local data: used when a file is got, and no reason to get it again."""

from __future__ import annotations

import hashlib

import pytest

from tests.helpers.workdir import Workdir, copy_workdir

TEXT = b" a word of a text \n"
RAW = "results/data/ptb/raw/ptb.train.txt"


@pytest.fixture
def workdir(tmp_path):
    """A workdir in which PTB's training text is ``TEXT``, and two folders that have it."""
    copy_workdir(tmp_path)
    table = tmp_path / "workflow/datasets.tsv"
    header = table.read_text(encoding="utf-8").splitlines()[0]
    row = f"ptb\tptb.train.txt\t{len(TEXT)}\t{hashlib.sha256(TEXT).hexdigest()}\thttp://127.0.0.1:9/\t\tnone\t\t"
    table.write_text(f"{header}\n{row}\n", encoding="utf-8")
    for name in ("my data", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ptb.train.txt").write_bytes(TEXT)
    return Workdir(tmp_path)


def test_a_file_that_is_there_is_not_thrown_away_because_local_data_is_another_folder(workdir):
    done = workdir.command(RAW, "--config", 'local_data=["my data"]', "device=cpu")
    assert done.returncode == 0, done.stdout
    assert (workdir.root / RAW).read_bytes() == TEXT
    for other in ("local_data=[other]", "local_data=[]"):
        assert "Nothing to be done" in workdir.command(RAW, "--config", other, "device=cpu").stdout


def test_a_misspelt_folder_is_refused_here_and_not_missed_by_a_job_on_another_machine(workdir):
    wanted = (RAW, "--dry-run", "--config", "local_data=[mydata]", "device=cpu")
    refused = workdir.command(*wanted)
    assert refused.returncode == 2
    assert "error: E2-USAGE: local_data 'mydata': expected a folder" in refused.stdout
    assert "(did you mean 'my data'?)" in refused.stdout
    job = workdir.command("--mode", "remote", *wanted)
    assert job.returncode == 0, job.stdout

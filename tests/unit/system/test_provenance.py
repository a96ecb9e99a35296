"""The commit of the checkout, and no other."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lstmbench.system import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with a commit, that the project is taken for."""
    folder = tmp_path / "a höuse"
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow/file").write_text("1")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "One")
    monkeypatch.setattr(provenance, "ROOT", folder)
    return folder


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_root_is_the_folder_of_the_snakefile():
    assert (provenance.ROOT / "Snakefile").is_file()


def test_the_commit_is_that_of_the_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD").strip()
    assert provenance.commit() == (head, False)
    (checkout / "workflow/file").write_text("2")
    assert provenance.commit() == (head, True)


def test_a_copy_inside_somebody_else_s_repository_has_no_commit(checkout, monkeypatch):
    copy = checkout / "copies/lstm-bench"
    copy.mkdir(parents=True)
    monkeypatch.setattr(provenance, "ROOT", copy)
    assert provenance.commit() == (None, False)


def test_a_folder_that_is_a_link_to_the_checkout_has_its_commit(checkout, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(checkout)
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "link")
    assert provenance.commit()[0] is not None


def test_what_a_user_set_for_git_changes_no_commit(checkout, tmp_path, monkeypatch):
    expected = provenance.commit()
    other = tmp_path / "other"
    shutil.copytree(checkout, other)
    (other / "workflow/file").write_text("3")
    git(other, "commit", "--quiet", "--all", "--message", "Two")
    for name, value in {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": tmp_path / "index",
        "GIT_CEILING_DIRECTORIES": checkout.parent,
        "GIT_TRACE": 1,
    }.items():
        monkeypatch.setenv(name, str(value))
    assert provenance.commit() == expected


def test_asking_for_the_commit_writes_nothing(checkout):
    (checkout / "workflow/file").touch()
    before = {path: path.stat().st_mtime_ns for path in Path(checkout).rglob("*")}
    provenance.commit()
    assert {path: path.stat().st_mtime_ns for path in Path(checkout).rglob("*")} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to somebody else")
def test_a_repository_that_git_does_not_trust_has_no_commit(checkout):
    os.chown(checkout, 12345, 12345)
    os.chown(checkout / ".git", 12345, 12345)
    if subprocess.run(["git", "status"], cwd=checkout, capture_output=True).returncode == 0:
        pytest.skip("git trusts every folder here (safe.directory)")
    assert provenance.commit() == (None, False)

"""A copy of the workflow, run once, and one case for all tests that train in processes of their own."""

from __future__ import annotations

import pytest

from tests.helpers.case import Case
from tests.helpers.workdir import RECORDER, Workdir, copy_workdir


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """The workdir with the size ``tiny`` and the implementation ``copycat``, its workflow run once."""
    root = tmp_path_factory.mktemp("a höuse")  # with a space and an umlaut, as some have
    copy_workdir(root)
    built = Workdir(root)
    built.recorder.mkdir()
    (built.recorder / "sitecustomize.py").write_text(RECORDER, encoding="utf-8")
    done = built.snakemake()
    assert done.returncode == 0, done.stdout
    return built


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """One case for all tests that train in processes of their own."""
    return Case(tmp_path_factory.mktemp("case"))

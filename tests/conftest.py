"""Fixtures that tests of several folders share."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from lstmbench import datasets
from lstmbench.datasets import Source
from lstmbench.utils.signals import SIGNALS

# A busy machine is no fault of the code, and a test run leaves nothing in the working tree.
settings.register_profile("lstm-bench", deadline=None, database=None)
settings.load_profile("lstm-bench")

STARTED = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--seconds``: on a slow machine, run what there is time for, and name the rest."""
    parser.addoption(
        "--seconds", type=float, metavar="N", help="start no test after N seconds; skip those that are left"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Run what shares the fixture ``workdir`` in one process, if whole files are given to processes."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.helpers.distribution import ByScope

    return ByScope(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test for which no time is left, before its fixtures are made."""
    seconds = item.config.getoption("--seconds")
    if seconds is not None and time.monotonic() - STARTED >= seconds:
        pytest.skip(f"not run: the {seconds:g} s of --seconds are over")


@pytest.fixture(autouse=True, scope="session")
def _processes_that_signals_end() -> None:
    """Let signals end what the tests start, also under nohup: what is ignored is inherited, and a handler is not."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture
def real_data() -> Path:
    """Folder of local copies of the real files, ``{dataset}/{file}``, named by LSTMBENCH_DATA."""
    folder = os.environ.get("LSTMBENCH_DATA")
    if not folder:
        pytest.skip("LSTMBENCH_DATA names no folder of local copies of PTB and MNIST")
    return Path(folder)


@pytest.fixture
def list_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Source]], None]:
    """Put these rows in the place of ``datasets.tsv``."""

    def replace(rows: list[Source]) -> None:
        columns = [field.name for field in dataclasses.fields(Source)]
        lines = ["\t".join(columns), *("\t".join(str(getattr(row, name)) for name in columns) for row in rows)]
        table = tmp_path / "sources.tsv"
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
        monkeypatch.setattr(datasets, "SOURCES", table)

    return replace

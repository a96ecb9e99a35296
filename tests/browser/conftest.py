"""A headless Chromium and a rich report page to open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.factories.measurements import make_measurement
from tests.factories.pages import make_page
from tests.factories.records import CAPS, make_record
from tests.factories.wide_pages import make_comparison, make_widest_page
from tests.helpers.browser import launch

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make install-dev)")


@dataclass
class Opened:
    """A page in the browser, what its console said and what else it asked for."""

    page: playwright.Page
    console: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[playwright.Browser]:
    """Chromium: playwright's own, or that of the system."""
    with playwright.sync_playwright() as tool:
        browser = launch(tool)
        if browser is None:
            pytest.skip("no browser: install chromium, or run: playwright install chromium")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets, complete and capped runs, five seeds, a figure of each kind, a speed that may not be quoted."""
    runs = [
        make_record("ptb", size, name, seed=seed, metric=base * (1 + 0.001 * seed + 0.002 * (name == "tensorflow")))
        for size, base in (("small", 115.0), ("medium", 82.0))
        for name in ("pytorch", "tensorflow", "pytorch_fused")
        for seed in range(1, 6)
    ]
    capped = [make_record("mnist", implementation=name, caps=CAPS) for name in ("pytorch", "tensorflow")]
    speeds = {"pytorch": [10.0, 10.2, 9.8, 10.1, 9.9], "tensorflow": [5.0, 5.2, 4.8, 5.1, 4.9]}
    failures = {"pytorch_fused": "the loss of update 31 is not a number"}
    measured = [make_measurement(speeds, size="medium", failures=failures), make_measurement(speeds)]
    return make_page(tmp_path_factory.mktemp("report"), *runs, *capped, measured=measured, figures="drawn")


@pytest.fixture(scope="session")
def widest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report with the widest tables that records can make, beside the same tables each on a page of its own."""
    return make_widest_page(tmp_path_factory.mktemp("widest"))


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that compares bundles with long names."""
    return make_comparison(tmp_path_factory.mktemp("comparison"))


@pytest.fixture
def opened(browser: playwright.Browser, report: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the report in a window of so many pixels."""
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light", scripts: bool = True, path: Path = report) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("console", lambda message: found.console.append(message.text))
        found.page.on("pageerror", lambda error: found.console.append(str(error)))
        found.page.on("request", lambda request: found.asked.append(request.url))
        found.page.goto(path.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()

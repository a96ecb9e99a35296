"""Start Chromium without a window: Playwright's own, or that of the system."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

INSTALLED = ("chromium", "chromium-browser", "google-chrome")


def launch(tool: Playwright) -> Browser | None:
    """Start the first browser that starts; None if there is none."""
    from playwright.sync_api import Error

    for path in [None, *filter(None, map(shutil.which, INSTALLED))]:
        try:
            return tool.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error:
            continue
    return None

"""Take the picture of the report that README shows: ``make picture``, after ``make demo``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from lstmbench.utils.paths import ROOT
from tests.helpers.browser import launch

PAGE = Path("results/demo/report.html")
PICTURE = ROOT / "docs/figures/report.png"
WIDTH, HEIGHT = 1100, 900
"""Of the window, in pixels; the picture shows the page's top."""

COLOURS = 64
"""Enough for text and lines, in a third of the bytes."""


def main() -> None:
    """Write the picture."""
    if not PAGE.exists():
        sys.exit(f"{PAGE}: expected the report of the demo, found none; make demo")
    with sync_playwright() as tool:
        browser = launch(tool)
        if browser is None:
            sys.exit("no browser: install chromium, or run: playwright install chromium")
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(PAGE.absolute().as_uri())
        seen = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    seen.quantize(COLOURS).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

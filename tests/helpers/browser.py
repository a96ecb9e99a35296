"""Start Chromium without a window, Playwright's own or that of the system, and measure what a page shows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

INSTALLED = ("chromium", "chromium-browser", "google-chrome")

PAPER = 1032
"""Pixels between the margins of a landscape A4 page: 297 mm less 24 mm, at 96 pixels per inch."""

BROKEN_WORDS = """[...document.querySelectorAll('th, td:not(.long):not(.code)')].flatMap((part) => {
  const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    for (const word of walker.currentNode.data.matchAll(/\\w+/g)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      if (range.getClientRects().length > 1) found.push(word[0]);
    }
  }
  return found;
})"""
"""The words of cells that are broken in their middle."""


def launch(tool: Playwright) -> Browser | None:
    """Start the first browser that starts; None if there is none."""
    from playwright.sync_api import Error

    for path in [None, *filter(None, map(shutil.which, INSTALLED))]:
        try:
            return tool.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error:
            continue
    return None


def wider_than_the_window(page: Page) -> int:
    """Return how many pixels of the page are beside the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

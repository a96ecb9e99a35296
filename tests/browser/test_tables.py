"""The tables of every page in a browser, also the widest: verdicts in sight, and readable on a phone and on paper."""

from __future__ import annotations

import io

import pytest

from tests.helpers.browser import BROKEN_WORDS, PAPER, wider_than_the_window

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (make install-dev)")
pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed (make install-dev)")

PAGES = ("report", "widest", "comparison", "text_tables")
SHOWN = ("differences", "speed", "ratios", "baseline_speed", "environment")
"""Of the tables that have a page of their own, for Snakemake's report: those with a verdict, and the widest."""

WITH_VERDICT = {"report": 6, "widest": 7, "comparison": 2, "text_tables": 4}
"""How many tables of a page have a verdict."""

OPEN_ALL = "document.querySelectorAll('details').forEach((part) => (part.open = true))"

BEYOND_SIGHT = """[...document.querySelectorAll('table')].flatMap((table) => {
  const place = [...table.tHead.rows[0].cells].findIndex((cell) => /^verdict/.test(cell.textContent));
  const ends = place < 0 ? [] : [...table.rows].map((row) => row.cells[place].getBoundingClientRect().right);
  const scroll = table.closest('.scroll');
  const sight = Math.min(scroll.getBoundingClientRect().right, document.documentElement.clientWidth);
  return ends.length ? [[scroll.getAttribute('aria-label'), Math.max(...ends) - sight]] : [];
})"""
"""Per table with a verdict, how many pixels of a verdict are out of sight until it is scrolled."""

OUT_OF_SIGHT = """[...document.querySelectorAll('td')].filter((cell) => {
  const { left, right } = cell.getBoundingClientRect();
  return left < 0 || right > document.documentElement.clientWidth || cell.scrollWidth > cell.clientWidth + 1;
}).map((cell) => `${cell.closest('.scroll').getAttribute('aria-label')}: ${cell.textContent}`)"""

TOO_SMALL = """[...document.querySelectorAll('button, input, select, summary')]
  .map((part) => [part, (part.matches('[type=checkbox]') ? part.closest('label') : part).getBoundingClientRect()])
  .filter(([_, box]) => box.width > 0)
  .filter(([_, box]) => box.left < 0 || box.right > document.documentElement.clientWidth || box.height < 24)
  .map(([part, box]) => `${part.tagName} ${part.textContent}: ${box.left} to ${box.right}, ${box.height} high`)"""
"""Controls that are beside the window, or lower than WCAG 2.2 asks for (2.5.8: 24 pixels)."""


@pytest.fixture
def pages(opened, request):
    """Opens every file of a page by its name: the tables of their own are several."""

    def open_all(name, **options):
        if name == "text_tables":
            folder = request.getfixturevalue("widest").parent / "tables"
            paths = [folder / f"{table}.html" for table in SHOWN]
        else:
            paths = [request.getfixturevalue(name)]
        found = [opened(path=path, **options) for path in paths]
        for one in found:
            one.page.evaluate(OPEN_ALL)
        return found

    return open_all


@pytest.mark.parametrize("name", PAGES)
def test_at_1280_pixels_no_verdict_is_out_of_sight(pages, name):
    found = [table for one in pages(name, width=1280) for table in one.page.evaluate(BEYOND_SIGHT)]
    assert len(found) == WITH_VERDICT[name], found
    assert [(label, beyond) for label, beyond in found if beyond > 0] == []


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_every_cell_is_in_sight_and_every_control_is_within_reach(pages, name):
    for one in pages(name, width=360):
        assert wider_than_the_window(one.page) == 0
        assert one.page.evaluate(OUT_OF_SIGHT) == []
        assert one.page.evaluate(TOO_SMALL) == []


def test_on_a_phone_a_cell_names_its_column_and_a_table_is_sorted_and_filtered(pages):
    (one,) = pages("comparison", width=360)
    table = one.page.get_by_role("group", name="Quality", exact=True).locator("table")
    cell = table.locator("tbody tr:first-child td").nth(1)
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"dataset"'
    table.get_by_role("button", name="verdict").click()
    table.locator("th[aria-sort=ascending]").wait_for()
    rows = table.locator("tbody tr").count()
    one.page.locator(".filter input").first.fill("newest bfloat16")
    assert 0 < table.locator("tbody tr:visible").count() < rows


def test_a_confusion_keeps_its_rows_in_the_order_of_its_columns(pages):
    (one,) = pages("widest", width=1280)
    confusion = one.page.locator(".matrix").first
    assert confusion.locator("tbody tr").count() == 10
    assert confusion.locator(".filter, button").count() == 0


@pytest.mark.parametrize("name", PAGES[1:])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_axe_finds_nothing_to_complain_of_on_any_page(pages, name, width, scheme):
    # Pages of one table differ only in their rows.
    for one in pages(name, width=width, scheme=scheme)[:1]:
        results = axe.Axe().run(one.page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("name", PAGES[1:])
def test_no_page_asks_for_anything_or_complains(pages, name):
    for one in pages(name):
        assert one.asked == [one.page.url]
        assert one.console == []


@pytest.mark.parametrize("name", PAGES[1:])
def test_every_page_prints_whole(pages, name):
    for one in pages(name, width=PAPER):
        one.page.emulate_media(media="print")
        assert wider_than_the_window(one.page) == 0
        assert one.page.evaluate(OUT_OF_SIGHT) == []
        assert one.page.evaluate(BROKEN_WORDS) == []


def test_on_paper_a_table_repeats_its_headings_on_every_page(pages):
    (one,) = pages("comparison")
    printed = pypdf.PdfReader(io.BytesIO(one.page.pdf(prefer_css_page_size=True)))
    texts = ["".join(page.extract_text().split()) for page in printed.pages]
    # The first page has the summary.
    with_rows = [text for text in texts[1:] if "in-the-cellar" in text]
    assert len(with_rows) > 2
    assert all("verdict" in text and "interval" in text for text in with_rows)

"""The report in a browser: readable at every width, in light and dark, by keyboard, on paper and without scripts."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from lstmbench.records.tables import read_table
from lstmbench.reporting import cells, order
from tests.helpers.browser import BROKEN_WORDS, PAPER, wider_than_the_window

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (make install-dev)")
pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed (make install-dev)")

WIDTHS = (360, 768, 1280)
SCHEMES = ("light", "dark")
MAX_BYTES = 5_000_000


def table(page, title, dataset="ptb"):
    """The table below a heading."""
    return (
        page.locator(f"#data-{dataset}").get_by_role("group", name=f"{dataset}: {title}", exact=True).locator("table")
    )


def column(found, heading):
    """The text of a column's fields, from top to bottom, of the rows that are shown."""
    place = found.locator("thead th").all_inner_texts()
    index = next(i for i, text in enumerate(place) if text.startswith(heading))
    return found.locator(f"tbody tr:not([hidden]) td:nth-child({index + 1})").all_inner_texts()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_fits_the_window_and_asks_for_nothing(opened, report, width, scheme):
    found = opened(width, scheme)
    assert wider_than_the_window(found.page) == 0
    assert found.console == []
    assert found.asked == [report.as_uri()]


def test_on_a_desktop_no_table_of_results_hides_its_last_columns(opened):
    hidden = """[...document.querySelectorAll('section[id^=data-] > .scroll:has(table)')]
      .filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.getAttribute('aria-label'))"""
    assert opened(1280).page.evaluate(hidden) == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_to_complain_of(opened, width, scheme):
    page = opened(width, scheme).page
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [360, 1280])
def test_what_happened_and_what_was_found_come_first(opened, width):
    page = opened(width).page
    lines = page.locator(".headline .said")
    assert lines.count() == 6
    assert (
        page.locator(".happened").bounding_box()["y"] < lines.first.bounding_box()["y"] < {360: 640, 1280: 300}[width]
    )


def test_on_a_desktop_the_first_screen_holds_both_data_sets_the_picture_and_the_guide(opened):
    page = opened(1280).page
    for what in (".headline .said >> nth=5", ".glance img", ".guide h2"):
        box = page.locator(what).bounding_box()
        assert box["y"] < 900, what
    assert page.locator(".glance img").bounding_box()["x"] > 640


def test_the_values_on_the_page_are_those_of_the_tables(opened, report):
    page = opened().page
    quality = read_table(report.parent / "tables/quality.csv")
    mine = order.by_size(quality[quality["dataset"] == "ptb"])
    assert column(table(page, "Quality"), "test perplexity") == [f"{value:.2f}" for value in mine["test_mean"]]
    ratios = read_table(report.parent / "tables/ratios.csv")
    assert column(table(page, "How many times as fast"), "times") == [
        f"{value:.2f}" for value in order.by_size(ratios)["ratio"]
    ]


def test_the_curves_on_the_page_are_those_of_the_tables(opened, report):
    page = opened().page
    history = read_table(report.parent / "tables/history.csv")
    curves = json.loads(page.locator("#data-mnist [data-curves]").get_attribute("data-curves"))
    assert [case["implementation"] for case in curves["cases"]] == ["pytorch", "tensorflow"]
    for case in curves["cases"]:
        rows = history[(history["dataset"] == "mnist") & (history["implementation"] == case["implementation"])]
        assert case["mean"] == pytest.approx((100 * rows["valid_accuracy"]).tolist(), rel=1e-5)


def test_a_table_is_sorted_by_mouse_and_by_keyboard(opened):
    page = opened().page
    found = table(page, "Quality")
    before = column(found, "test perplexity")
    button = found.get_by_role("button", name="test perplexity")
    button.click()
    heading = found.locator("th[aria-sort]")
    page.wait_for_function("document.querySelector('th[aria-sort=ascending]')")
    page.wait_for_timeout(50)
    assert [float(text) for text in column(found, "test perplexity")] == sorted(map(float, before))
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(50)
    assert heading.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in column(found, "test perplexity")] == sorted(map(float, before), reverse=True)


def test_sizes_are_sorted_from_small_to_large(opened):
    page = opened().page
    found = table(page, "Quality")
    found.get_by_role("button", name="size").click()
    page.wait_for_timeout(50)
    assert column(found, "size") == ["small"] * 3 + ["medium"] * 3


def test_a_table_is_filtered_and_says_how_many_rows_are_left(opened):
    page = opened().page
    box = page.locator("#data-ptb .filter input").first
    box.focus()
    page.keyboard.type("fused medium")
    assert column(table(page, "Quality"), "implementation") == ["pytorch_fused"]
    assert page.locator("#data-ptb .filter [role=status]").first.inner_text() == "1 of 6 rows"
    box.fill("")
    assert len(column(table(page, "Quality"), "implementation")) == 6


def test_light_and_dark_are_switched_by_keyboard(opened):
    page = opened().page
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Dark").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(background) != light
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(background) == light
    assert opened(scheme="dark").page.evaluate(background) != light


def test_a_curve_s_values_are_read_by_mouse_and_by_keyboard(opened, report):
    found = opened()
    explorer = found.page.locator("#data-ptb .explore")
    curves = json.loads(explorer.get_attribute("data-curves"))
    first, last = (curves["cases"][0]["mean"][place] for place in (0, -1))
    readout = explorer.locator(".readout")

    def value_at(epoch):
        readout.get_by_text(f"Epoch {epoch}, validation perplexity:").wait_for(timeout=5000)
        return float(re.search(r": pytorch ([\d.]+) ", readout.inner_text())[1])

    explorer.locator(".plot").focus()
    found.page.keyboard.press("ArrowRight")
    assert value_at(1) == pytest.approx(first, abs=0.006)
    found.page.keyboard.press("ArrowRight")
    assert value_at(2) == pytest.approx(last, abs=0.006)
    box = explorer.locator(".u-over").bounding_box()
    found.page.mouse.move(box["x"] + 3, box["y"] + 50)
    assert value_at(1) == pytest.approx(first, abs=0.006)
    assert found.console == []


def test_cases_and_sizes_of_the_curves_are_chosen(opened):
    found = opened()
    explorer = found.page.locator("#data-ptb .explore")
    explorer.get_by_label("tensorflow").uncheck()
    explorer.get_by_role("combobox").select_option("medium")
    explorer.locator(".plot").focus()
    found.page.keyboard.press("ArrowLeft")
    readout = explorer.locator(".readout")
    readout.get_by_text("Epoch 2, ").wait_for(timeout=5000)
    assert re.search(r"pytorch 82\.\d+ \(82\.\d+ to 82\.\d+, 5 seeds\)", readout.inner_text())
    assert "tensorflow" not in readout.inner_text()
    assert found.console == []


def test_without_scripts_the_page_is_complete(opened, report):
    found = opened(scripts=False)
    assert found.page.locator("figure img").count() == 7
    assert found.page.locator(".explore:visible, button:visible").count() == 0
    assert wider_than_the_window(found.page) == 0
    whole = found.page.locator("body").text_content()
    for name in ("quality", "ratios"):
        values = read_table(report.parent / f"tables/{name}.csv")[{"quality": "test_mean", "ratios": "ratio"}[name]]
        shown = [cells.metric(value, "perplexity" if value > 1 else "accuracy") for value in values.dropna()]
        assert all(text in whole for text in shown)


@pytest.mark.parametrize("scripts", [True, False])
def test_the_page_prints_whole(opened, scripts):
    page = opened(PAPER, scripts=scripts).page
    page.emulate_media(media="print")
    printed = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert 4 <= len(printed.pages) <= 30
    text = re.sub(r"\s", "", "".join(one.extract_text() for one in printed.pages))
    # What is folded on a screen is not on paper.
    for phrase in ("Each row again", "snakemake", "hidden size", "Matrix products alone", "layer 0 input"):
        assert phrase.replace(" ", "") in text
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll, pre')].filter((part) => part.scrollWidth > part.clientWidth + 1)"
        ".map((part) => part.getAttribute('aria-label') || part.tagName)"
    )
    assert cut == []
    assert page.evaluate(BROKEN_WORDS) == []


def test_the_page_is_small(report):
    assert Path(report).stat().st_size < MAX_BYTES

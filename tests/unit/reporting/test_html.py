"""Tables of a page: the verdict is beside what a row is about, however many columns follow."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest

from lstmbench.reporting.html import IDENTIFYING, as_table, picture, tables_page


def header(*columns):
    return as_table(pd.DataFrame([["x"] * len(columns)], columns=columns)).header


@pytest.mark.parametrize("last", IDENTIFYING)
def test_a_verdict_follows_the_columns_that_say_what_its_row_is_about(last):
    assert header("another", last, "words/s", "n", "verdict") == ["another", last, "verdict", "words/s", "n"]


def test_a_verdict_of_a_table_about_nothing_else_comes_first():
    assert header("words/s", "verdict") == ["verdict", "words/s"]


def test_a_verdict_takes_its_cells_along():
    table = as_table(pd.DataFrame({"size": ["small", "large"], "n": ["1", "2"], "verdict": ["equal", "different"]}))
    assert table.rows == [["small", "equal", "1"], ["large", "different", "2"]]
    assert table.numeric == [False, False, True]


def test_a_table_without_a_verdict_keeps_its_order():
    assert header("n", "size", "words/s") == ["n", "size", "words/s"]


def test_dates_and_names_are_sorted_by_themselves_and_numbers_by_their_value():
    columns = {
        "date": ["2026-01-02", "2025-12-31"],
        "processor": ["12th Gen", "3rd Gen"],
        "words/s": ["1,200 w", "800"],
    }
    table = as_table(pd.DataFrame(columns))
    assert table.numeric == [False, False, True]
    assert table.keys == [["2026-01-02", "12th Gen", "1200"], ["2025-12-31", "3rd Gen", "800"]]


def test_a_page_of_tables_alone_allows_no_script():
    text = tables_page("Title", {"": pd.DataFrame({"a": ["1"]})}, [])
    assert "script-src 'none'" in html.unescape(text)
    assert "<script" not in text


def test_a_figure_of_several_panels_is_wide(tmp_path):
    for points, wide in ((259.2, False), (532.8, True)):
        (tmp_path / "made.svg").write_text(f'<svg xmlns:xlink="x" width="{points}pt" height="9pt"/>')
        assert picture(tmp_path / "made.svg", "").wide is wide


def test_a_name_that_is_longer_than_a_column_may_be_parted_after_its_underscores():
    text = tables_page("Title", {"": pd.DataFrame({"a": ["tensorflow_multiworker", "a_b", "<b>_" * 9]})}, [])
    cells = re.findall(r'<td(?: class="name")? data-label="a">(.*?)</td>', text)
    assert cells == ["tensorflow_<wbr>multiworker", "a_b", "&lt;b&gt;_<wbr>" * 9]

"""Tables for people: whatever a cell says, it stays a cell."""

from __future__ import annotations

import re
import shutil
import subprocess

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.reporting.text_tables import in_tex, write_text_tables
from tests.factories.hostile import HOSTILE

TEX = [
    r"\input{/etc/passwd}",
    "50 % & more",
    "a_b^c",
    "$x$ #1 ~",
    "{",
    "}",
    "\\",
    "1 ± 0.1",
    "\N{MINUS SIGN}0.3 %",
    "5 \N{MULTIPLICATION SIGN} 2",
]


@pytest.fixture
def shown(tmp_path):
    """Markdown, LaTeX and HTML of a table of two columns."""

    def write(cells, notes=()):
        frame = pd.DataFrame({"a": cells, "b_1": ["1"] * len(cells)})
        write_text_tables(tmp_path / "name", "Title", {"Part": frame}, notes)
        return [(tmp_path / f"name.{kind}").read_text(encoding="utf-8") for kind in ("md", "tex", "html")]

    return write


def test_no_cell_of_markdown_is_html_a_link_or_a_second_cell(shown):
    text, *_ = shown([*HOSTILE, "two\nlines"])
    rows = text.splitlines()[6:]
    assert len(rows) == len(HOSTILE) + 1
    assert all(row.replace(r"\|", "").count("|") == 3 for row in rows)
    assert "<img" not in text
    assert "![x](" not in text


def test_markdown_has_title_heading_and_notes(shown):
    text, *_ = shown(["x|y"], ["A note."])
    assert text.startswith("# Title\n\n## Part\n\n")
    assert text.endswith("\n\nA note.\n")


def test_no_cell_or_note_of_html_is_more_than_text(shown):
    *_, text = shown([*HOSTILE, "two\nlines"], ["<b>A note.</b>"])
    assert text.count("<tr") == 1 + len(HOSTILE) + 1
    assert "<h1>Title</h1>" in text
    assert "<h2>Part</h2>" in text
    assert "&lt;b&gt;A note.&lt;/b&gt;" in text
    assert "<img" not in text


@given(st.text())
def test_no_character_of_a_cell_is_a_command_of_latex(text):
    # What remains after the commands that we write ourselves has no meaning of its own.
    ours = r"\\textbackslash\{\}|\\text(ascii)?[a-z]+\{\}|\\[{}&%$#_]|\$(-|\\pm|\\times)\$|~"
    assert not re.search(r'[\\{}&%$#_~^<>|"\r\n]', re.sub(ours, "", in_tex(text)))


def test_a_table_of_latex_has_a_line_per_row_and_numbers_to_the_right(shown):
    _, text, _ = shown(TEX, ["100 % of it."])
    rows = [line for line in text.splitlines() if line.endswith(r" & 1 \\")]
    assert len(rows) == len(TEX)
    assert r"\begin{longtable}{lr}" in text
    assert r"\label{tab:name-1}" in text
    assert r"b\_1" in text
    assert r"\footnotesize 100 \% of it." in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX at hand")
def test_latex_takes_it(shown, tmp_path):
    _, text, _ = shown([*HOSTILE, *TEX], ["A note: 5 % ± 1."])
    page = rf"\documentclass{{article}}\usepackage{{booktabs,longtable}}\begin{{document}}{text}\end{{document}}"
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stdout[-2000:]

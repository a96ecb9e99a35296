"""Text from outside obeys nobody: no terminal, spreadsheet or page."""

from __future__ import annotations

import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.records.tables import read_table, write_table
from lstmbench.utils import command_line
from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import FORMULA_STARTS, brief, one_line, printable, sentence_and_details
from tests.factories.hostile import HOSTILE


@given(st.text())
def test_no_control_character_reaches_a_terminal(text):
    shown = printable(text)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert printable(shown) == shown


@given(st.text())
def test_one_line_is_one_line(text):
    assert len(one_line(text).splitlines()) <= 1


@given(st.text())
def test_what_an_error_says_is_short_and_never_nothing(text):
    shown = brief(ValueError(text))
    assert 0 < len(shown) <= 160
    assert len(shown.splitlines()) == 1


def test_of_several_lines_the_first_counts():
    assert brief(ValueError("no memory\nat line 3")) == "no memory"
    assert brief(MemoryError()) == "MemoryError"


def test_what_is_printable_stays_as_it_is():
    assert printable("perplexité 114.5 ± 0.1\n次") == "perplexité 114.5 ± 0.1\n次"
    assert printable("\x1b[2J\x07") == r"\x1b[2J\x07"


def test_an_error_message_cannot_command_the_terminal(capsys):
    def fail():
        raise DataError("\x1b]0;owned\x07 file")

    assert command_line.run(fail) == 3
    assert capsys.readouterr().err == "error: E3-DATA: \\x1b]0;owned\\x07 file\n"


@pytest.mark.parametrize(
    ("message", "sentence", "details"),
    [
        ("no GPU", "no GPU", ""),
        ("it did not run; expected a; found b", "it did not run", "expected a; found b"),
        (300 * "x" + "; y", 237 * "x" + "...", 300 * "x" + "; y"),
    ],
)
def test_a_message_is_a_sentence_and_its_details(message, sentence, details):
    assert sentence_and_details(message) == (sentence, details)


def test_no_cell_of_csv_is_a_formula_and_all_read_back(tmp_path):
    path = tmp_path / "a.csv"
    write_table(path, pd.DataFrame({"note": HOSTILE, "value": range(-3, len(HOSTILE) - 3)}))
    with path.open(encoding="utf-8", newline="") as stream:
        cells = [row["note"] for row in csv.DictReader(stream)]
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]
    found = read_table(path)
    assert found["note"].tolist() == HOSTILE
    assert found["value"].tolist() == list(range(-3, len(HOSTILE) - 3))  # a negative number is no formula


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")), min_size=1))
def test_any_text_reads_back_from_csv_and_from_parquet(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_table(path, pd.DataFrame({"note": texts, "value": range(len(texts))}))
    for written in (path, path.with_suffix(".parquet")):
        assert read_table(written)["note"].tolist() == texts

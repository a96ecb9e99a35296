"""Tables for programs say the same in both formats."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.records.tables import read_table, write_table
from lstmbench.utils.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
WHOLE = st.none() | st.integers(-(2**53), 2**53)
REAL = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.tuples(TEXT, WHOLE, REAL)))
def test_a_table_reads_back_from_parquet_as_it_was_and_as_from_csv(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    write_table(folder / "a.csv", pd.DataFrame(rows, columns=["note", "seed", "value"]))
    found, from_csv = read_table(folder / "a.parquet"), read_table(folder / "a.csv")
    assert found["note"].tolist() == [row[0] for row in rows]
    for place, name in enumerate(("seed", "value"), start=1):
        assert [None if math.isnan(value) else value for value in found[name]] == [row[place] for row in rows]
        assert pd.api.types.is_numeric_dtype(found[name])
    pd.testing.assert_frame_equal(found, from_csv)


def test_a_text_where_a_number_should_be_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: column value: expected numbers"):
        write_table(tmp_path / "a.csv", pd.DataFrame({"value": ["much"]}))


def test_what_is_no_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"a\.parquet: not readable as a table"):
        read_table(tmp_path / "a.parquet")

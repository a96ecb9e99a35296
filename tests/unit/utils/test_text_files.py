"""A text is read without the mark that some editors put before it; what looks wrong in it is said with its place."""

from __future__ import annotations

import pytest

from lstmbench.utils.errors import DataError
from lstmbench.utils.text_files import read_text, remarks


@pytest.fixture
def write(tmp_path):
    def put(content: bytes):
        (tmp_path / "a.txt").write_bytes(content)
        return tmp_path / "a.txt"

    return put


def test_one_byte_order_mark_is_no_part_of_the_text(write):
    assert read_text(write("\ufeff\u00fc a\r\nb\n".encode())) == "\u00fc a\r\nb\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\x00", "the control character 0x00 at offset 1"),
        (b"\xc3\xbc\rb", "a carriage return without a line feed at offset 2"),
        (b"a \xff", "expected UTF-8 text, found byte 0xff at offset 2"),
    ],
)
def test_what_no_text_holds_is_refused_with_its_offset_in_bytes(write, content, message):
    with pytest.raises(DataError, match=message):
        read_text(write(content))


def test_a_remark_counts_the_bytes_of_the_mark_and_an_ordinary_text_has_none(write):
    assert list(remarks(write(b"a b\nc\n"), "<eos>")) == []
    (output,) = remarks(write("\ufeffa <eos>\n".encode()), "<eos>")
    assert output.endswith("is this meant? It holds a word <eos> of its own at offset 5.")

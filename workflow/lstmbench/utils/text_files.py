"""Read the text of a data set: refuse what no text contains, and report what looks wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lstmbench.utils.errors import DataError

BYTE_ORDER_MARK = "\ufeff"

MAX_WORD_LENGTH = 100
"""Characters; a longer word is rather a line without spaces, or encoded data."""

_REFUSED = re.compile(r"(?P<mark>\ufeff)|(?P<return>\r(?!\n))|(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])")


def read_text(path: Path) -> str:
    """Return the text without the byte order mark that some editors put before it.

    Raises:
        DataError: missing, not UTF-8, or with a byte order mark or a control character inside; with its offset.
    """
    return _read(path).removeprefix(BYTE_ORDER_MARK)


def remarks(path: Path, end_of_sentence: str) -> Iterator[str]:
    """Yield what looks wrong in a usable text: a sentence per kind, with the offset of the first place."""
    text = _read(path)
    if "\n" not in text:
        yield f"{path}: is this meant? It holds no line end: no {end_of_sentence} among its words."
    for pattern, what in (
        (rf"(?<!\S){re.escape(end_of_sentence)}(?!\S)", f"a word {end_of_sentence} of its own"),
        ("\ufffd", "a character that could not be decoded once (U+FFFD)"),
        (r"[^\S \t\r\n]", "a space that is not U+0020 ({})"),
        (rf"\S{{{MAX_WORD_LENGTH + 1},}}", "a word of {} characters"),
    ):
        if found := re.search(pattern, text):
            detail = f"U+{ord(found[0]):04X}" if len(found[0]) == 1 else len(found[0])
            yield f"{path}: is this meant? It holds {what.format(detail)} at offset {_bytes(text, found)}."


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing; download it first") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected UTF-8 text, found byte 0x{error.object[error.start]:02x} "
            f"at offset {error.start} ({error.reason})"
        ) from error
    if found := _REFUSED.search(text, pos=int(text.startswith(BYTE_ORDER_MARK))):
        what = {
            "mark": "a byte order mark",
            "return": "a carriage return without a line feed",
            "control": f"the control character 0x{ord(found[0]):02x}",
        }[str(found.lastgroup)]
        raise DataError(f"{path}: expected words, spaces and line ends, found {what} at offset {_bytes(text, found)}")
    return text


def _bytes(text: str, found: re.Match[str]) -> int:
    """Return the number of bytes before a place in the file."""
    return len(text[: found.start()].encode())

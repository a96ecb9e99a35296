"""Escape text from outside (names, error messages, a machine's own words), so that it is harmless where it is shown."""

from __future__ import annotations

import re

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a cell for a formula (OWASP, CSV Injection)."""

MAX_SENTENCE_LENGTH = 240

_MARKED = re.compile(rf"'*[{re.escape(''.join(FORMULA_STARTS))}]")


def printable(text: str) -> str:
    """Return ``text`` with all but printable characters and line ends escaped, so that it controls no terminal."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    """Return ``text`` on one line."""
    return printable(" ".join(text.split()))


def brief(error: Exception, having: str = "") -> str:
    """Return a library's error in at most 160 characters: the first line with ``having``, or the first, or its kind."""
    lines = [line for line in printable(str(error)).splitlines() if line.strip()]
    text = next((line for line in lines if having in line), lines[0]) if lines else type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."


def short(value: object) -> str:
    """Return a value in short form for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def sentence_and_details(message: str) -> tuple[str, str]:
    """Return a message's first sentence, in at most ``MAX_SENTENCE_LENGTH`` characters, and the rest, or "".

    The sentence ends where the message lists what was expected and found: at its first semicolon.
    """
    sentence, _, details = message.partition("; ")
    if len(sentence) <= MAX_SENTENCE_LENGTH:
        return sentence, details
    return f"{sentence[: MAX_SENTENCE_LENGTH - 3]}...", message


def csv_cell(value: object) -> object:
    """Return ``value`` for CSV: a text that a spreadsheet would compute gets a quotation mark before it."""
    return f"'{value}" if isinstance(value, str) and _MARKED.match(value) else value


def from_csv_cell(text: str) -> str:
    """Return what ``csv_cell`` was given."""
    return text[1:] if text.startswith("'") and _MARKED.match(text) else text

"""Read JSON from any source: each key once, every number finite; refuse anything else in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lstmbench.utils.errors import DataError

MAX_DIGITS = 18
"""Largest number of digits of a whole number, so that it fits into 64 bits."""

RERUN_HINT = "Delete it and run the workflow again."
"""What to do about a damaged file that the workflow made."""


def read_json(path: Path) -> Any:
    """Read a file of strict JSON (``parse_json``).

    Raises:
        DataError: missing, or not JSON.
    """
    try:
        return parse_json(path.read_bytes(), path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. Run the workflow again to make it.") from error
    except DataError as error:
        raise DataError(f"{error}. {RERUN_HINT}") from error


def parse_json(text: str | bytes, where: object) -> Any:
    """Parse JSON (as bytes: in UTF-8); ``where``, its source, begins the message.

    Raises:
        DataError: not JSON, nested too deeply, with a key twice in one object, or a number that is none.
    """
    try:
        return json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError as error:
        raise DataError(f"{where}: not JSON: nested too deeply") from error
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} appears twice")
    return values


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:MAX_DIGITS]}... is too large for a whole number")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large for a number")
    return value

"""Define the version of the records' formats, and refuse the records of versions to come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from lstmbench.utils.errors import DataError

SCHEMA_VERSION: Literal[2] = 2
"""The version that is written.  A version only adds optional keys, so that older records stay valid."""

_Known = Literal[1, 2]
SchemaVersion = Annotated[
    _Known, Meta(description="Version of this format: 2; records of version 1 lack some optional keys.")
]


def require_known_version(path: Path, content: Any) -> None:
    """Refuse a record of another version of lstm-bench, whose other keys would be refused with a worse message.

    Raises:
        DataError: one line.
    """
    found = content.get("schema_version") if isinstance(content, Mapping) else None
    known = get_args(_Known)
    if isinstance(found, int) and found not in known:
        raise DataError(
            f"{path} at $.schema_version: expected {' or '.join(map(str, known))}, found {found}. "
            "It was written by another version of lstm-bench: use that one, or delete the file and run again."
        )

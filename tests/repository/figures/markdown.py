"""Markdown of the generated figures."""

from __future__ import annotations

from collections.abc import Iterable


def table(header: str, rows: Iterable[str]) -> str:
    """A Markdown table with this header."""
    return "\n".join([header, "|---" * (header.count("|") - 1) + "|", *rows]) + "\n"

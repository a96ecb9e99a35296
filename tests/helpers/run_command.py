"""Run a command of ``lstm-bench`` in this process, so that what it raises is seen."""

from __future__ import annotations

from collections.abc import Sequence

from lstmbench import commands


def run_command(name: str, arguments: Sequence[str] = ()) -> None:
    """Run the command ``name`` with its arguments."""
    commands.start(name, arguments)

"""Measure the ratio of two speeds of one case, in processes that take turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from lstmbench.timing.blocks import BLOCKS
from lstmbench.timing.rounds import Ended, run_round
from lstmbench.utils.errors import MachineError

FIRST, SECOND = "first", "second"


def ratios(
    commands: Mapping[str, list[str]], rounds: int, log: Callable[[str], None], blocks: int = BLOCKS
) -> list[float]:
    """Return the speed of the ``SECOND`` over that of the ``FIRST``, a ratio per round of both ``sample`` commands.

    Rounds alternate which of the two starts first.

    Raises:
        MachineError: one of the processes failed.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            order = (FIRST, SECOND) if number % 2 == 0 else (SECOND, FIRST)
            reports = run_round({name: commands[name] for name in order}, blocks, Path(folder), lambda line: None)
            rates = {}
            for name, report in reports.items():
                if isinstance(report, Ended):
                    raise MachineError(f"the {name} of the two cannot be measured: {report.failure}")
                rates[name] = report.rate
            found.append(rates[SECOND] / rates[FIRST])
            log(f"round {number + 1} of {rounds}: {found[-1]:.3f} times as fast")
    return found

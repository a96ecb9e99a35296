"""Say what happened: which configuration ran, how many of its cases succeeded, and what to do next."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

import pandas as pd
import yaml

from lstmbench.orchestration.config import checked
from lstmbench.orchestration.selection import Selection
from lstmbench.records.paths import CASE_COLUMNS, RUN_COLUMNS
from lstmbench.statistics.verdict import Kind
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import UsageError
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.wording import counted

CONFIGS = WORKFLOW / "configs"

SHIPPED = {
    "demo": ("the demo", "make quick", "trains the real PTB and MNIST, each case cut short: at most half an hour"),
    "quick": ("the quick run", "make plan", "says how long the full benchmark takes here; make run then trains it"),
}
"""Shipped configurations: their names in sentences, and the command that follows them."""

RETRY = ("", "tries again what failed and repeats nothing else")
ANY = ("make bundle", "keeps all records in one file, to compare them with another machine's")


@dataclass(frozen=True)
class Happened:
    """Sentences for the top of the page, and the next command with what it does ("": the same command again)."""

    text: str
    command: str
    does: str


def happened(
    runs: pd.DataFrame, failures: pd.DataFrame, speed: pd.DataFrame, selection: Selection, config_name: str
) -> Happened:
    """Return what happened, from the tables and the configuration."""
    name = shipped_as(selection)
    called, *following = SHIPPED[name] if name else (f"a run of {config_name}", *ANY)
    cases = pd.concat([runs, failures])[RUN_COLUMNS].drop_duplicates(CASE_COLUMNS)
    failed = failures.drop_duplicates(CASE_COLUMNS)
    lost = sum(verdict.kind is Kind.FAILED for verdict in speed["verdict"])
    measured = f"{len(speed) - lost} of {len(speed)} speeds were measured" if len(speed) else "no speed was measured"
    if len(speed) and not lost:
        measured = f"all {len(speed)} speeds were measured"
    kinds = dict(zip(CASE_COLUMNS, ("data set", "size", "implementation", "device"), strict=True))
    numbers = {column: cases[column].nunique() for column in kinds}
    parts = [counted(number, kinds[column]) for column, number in numbers.items() if column != "device" or number > 1]
    # Show the product of the numbers only if every combination was selected.
    whole = " \N{MULTIPLICATION SIGN} ".join(parts) + "; " if math.prod(numbers.values()) == len(cases) else ""
    ended = f"all {len(cases)}" if failed.empty else f"{len(cases) - len(failed)} of {len(cases)}"
    trainings = counted(len(runs), "training")
    capped = int((runs["caps"] != "").sum())
    cut = f", {'all' if capped == len(runs) else capped} cut short" if capped else ""
    text = f"This was {called}: {ended} cases ran ({whole}{trainings}{cut}), and {measured}."
    return Happened(text, *(RETRY if len(failed) or lost else following))


def shipped_as(selection: Selection) -> str:
    """Return the shipped configuration that equals the selection, except for where its results go, or ""."""
    asked = plain(selection)
    for name in SHIPPED:
        shipped = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
        speed = asked["speed"] | shipped.get("speed", {})
        with contextlib.suppress(UsageError):  # sizes that the data sets of the shipped configuration lack
            if checked({**asked, **shipped, "speed": speed, "results": asked["results"]}) == selection:
                return name
    return ""

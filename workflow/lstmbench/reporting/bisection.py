"""Say what a search for the first slow version found."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from lstmbench.statistics.bisection import Bisection, Judged
from lstmbench.statistics.verdict import Kind, Verdict

_KINDS = {True: Kind.SLOWER, False: Kind.GOOD, None: Kind.INCONCLUSIVE}


def table(versions: Sequence[str], found: Bisection) -> pd.DataFrame:
    """Return a row per version that was tried, with the ratio of its speed to the first version's."""
    rows = []
    for version in versions[1:]:
        judged = found.judged.get(version)
        if judged:
            interval = judged.interval
            row = {"ratio": interval.estimate, "low": interval.low, "high": interval.high, "n": len(judged.ratios)}
            rows.append({"version": version, "verdict": Verdict(_KINDS[judged.slow]), **row})
        elif version in found.skipped:
            rows.append({"version": version, "verdict": Verdict(Kind.FAILED, found.skipped[version])})
    return pd.DataFrame(rows, columns=["version", "verdict", "ratio", "low", "high", "n"])


def sentence(versions: Sequence[str], found: Bisection, loss: float) -> str:
    """Return the answer."""
    good, last = versions[0], versions[-1]
    if len(found.suspects) == 1:
        (name,) = found.suspects
        before = versions[versions.index(name) - 1]
        return f"{name} is the first that is slower: {_times(found.judged[name], of=good)}; {before} is not"
    if found.suspects:
        listed = f"{found.suspects[0]} to {found.suspects[-1]}"
        return f"one of {listed} is the first that is slower; what lies between could not be judged"
    end = found.judged[last]
    if end.slow is None:
        lost = f"{last} has lost {100 * loss:.3g} % against {good}"
        return f"not certain whether {lost}: {_times(end)}; let nothing else use the machine"
    return f"{last} has not lost {100 * loss:.3g} % against {good}: {_times(end)}"


def _times(judged: Judged, of: str = "") -> str:
    interval = judged.interval
    other = f" as {of}" if of else ""
    shown = "" if math.isnan(interval.low) else f" (95 % interval {interval.low:.3f} to {interval.high:.3f})"
    return f"{interval.estimate:.3f} times as fast{other}{shown}"

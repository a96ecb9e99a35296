"""Compare bundles of records case by case: whether quality or speed changed, and what else did.

Every other bundle is compared with the first.  Quality is compared over pairs of runs with the same random seed and
the same initial weights.  Speed is compared over processes, which the two machines (or moments) do not share.
So the ratio includes whatever differs between them besides the framework; the table of circumstances names it.
A case that cannot be compared has a row with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench.analysis import speed as analyse
from lstmbench.records.bundle import Records
from lstmbench.records.columns import machine_columns
from lstmbench.records.measurement import Measurement
from lstmbench.records.measurement_record import MeasurementRecord
from lstmbench.records.paths import CASE_COLUMNS as CASE
from lstmbench.records.run_record import FailedRun, RunRecord
from lstmbench.statistics import equivalence, intervals
from lstmbench.statistics.verdict import Kind, Verdict
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.validation import require_known

QUALITY = ["bundle", *CASE, "metric", "n", "seeds", "difference", "low", "high", "verdict"]
SPEED = ["bundle", *CASE, "threads", "unit", "first_rate", "second_rate", "ratio", "low", "high", "verdict"]
CIRCUMSTANCES = ["bundle", "what", "first", "second"]

IGNORED_KEYS = {"preset", "source", "threads"}
"""Settings that do not prevent a comparison: ``preset`` is compared entry by entry, and ``source`` is prose.  The
number of ``threads`` changes the order of summation, which changes a run less than a random seed does; measurements
have it in their case."""

Sides = Mapping[str, tuple[Records, Records]]
"""What is compared: the first and the second records, by the name that the column ``bundle`` has."""

ONLY_FIRST = Verdict(Kind.MISSING, "only in the first")
ONLY_SECOND = Verdict(Kind.NOT_COMPARED, "only in the second")

LISTABLE = {
    kind.replace(" ", "-"): kind
    for kind in (
        Kind.SLOWER, Kind.FASTER, Kind.DIFFERENT, Kind.INCONCLUSIVE, Kind.NO_CLAIM, Kind.NO_INTERVAL, Kind.FAILED,
        Kind.MISSING, Kind.NOT_COMPARED,
    )
}  # fmt: skip
"""Every verdict of a comparison but *equal*, by the word that a user lists it by."""


def compare(bundles: Mapping[str, Records]) -> dict[str, pd.DataFrame]:
    """Return the tables quality, speed and circumstances of every other bundle against the first."""
    (_, first), *others = bundles.items()
    return compare_sides({name: (first, records) for name, records in others})


def compare_sides(sides: Sides) -> dict[str, pd.DataFrame]:
    """Return the tables quality, speed and circumstances; verdicts are corrected for all comparisons of a table."""
    return {"quality": quality(sides), "speed": speed(sides), "circumstances": circumstances(sides)}


def require_compared(tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuse a comparison of nothing.

    Raises:
        DataError: not one case was compared.
    """
    verdicts = [*tables["quality"]["verdict"], *tables["speed"]["verdict"]]
    if not any(verdict.compared for verdict in verdicts):
        found = "; ".join(sorted({str(verdict) for verdict in verdicts})) or "no records"
        raise DataError(f"expected a case that can be compared, found none: {found}")


def listable(words: str) -> list[Kind]:
    """Return the verdicts that a user lists: words separated by commas, with hyphens for spaces.

    Raises:
        UsageError: an unknown word.
    """
    listed = [word.strip() for word in words.split(",")]
    for word in listed:
        require_known("verdict", word, LISTABLE, where="--fail-on: ")
    return [LISTABLE[word] for word in dict.fromkeys(listed)]


def with_verdicts(tables: Mapping[str, pd.DataFrame], kinds: Collection[Kind]) -> pd.DataFrame:
    """Return the rows of quality and speed whose verdict is one of these, each with its ``table``."""
    parts = [tables[name].assign(table=name) for name in ("quality", "speed")]
    return pd.concat([part[[verdict.kind in kinds for verdict in part["verdict"]]] for part in parts])


def quality(sides: Sides) -> pd.DataFrame:
    """Return a row per case of run records; ``difference``, second from first, is in % or percentage points."""
    rows, found = [], {}
    for name, (first, second) in sides.items():
        for case, *both in _matched(_all_runs(first), _all_runs(second), lambda one: one.run.case):
            row = {"bundle": name, **dict(zip(CASE, case, strict=True))}
            before, after = ([one for one in side if isinstance(one, RunRecord)] for side in both)
            pairs = list(_pairs(before, after))
            verdict = _failed(*both) or _one_sided(before, after) or _unlike_runs(before, after, pairs)
            if verdict:
                rows.append(row | {"verdict": verdict})
                continue
            metric = pairs[0][0].final.metric
            finals = ([record.final.value for record in side] for side in zip(*pairs, strict=True))
            comparison = equivalence.compare(next(finals), next(finals), metric)
            found[len(rows)] = comparison
            values = (comparison.mean, comparison.low, comparison.high)
            in_unit = [equivalence.in_unit(value, metric) for value in values]
            row |= dict(zip(("difference", "low", "high"), in_unit, strict=True))
            seeds = " ".join(str(one.run.seed) for one, _ in pairs)
            rows.append(row | {"metric": metric, "n": len(pairs), "seeds": seeds})
    for place, kind in zip(found, equivalence.verdicts(list(found.values())), strict=True):
        rows[place]["verdict"] = Verdict(kind)
    return pd.DataFrame(rows, columns=QUALITY)


def speed(sides: Sides) -> pd.DataFrame:
    """Return a row per case of measurements; ``ratio`` is the second speed over the first."""
    rows, found = [], {}
    # One side is the same in all comparisons, and to analyse a bundle takes a second.
    everyone = {id(records): records for both in sides.values() for records in both}
    cases = {key: list(_cases(records.measurements)) for key, records in everyone.items()}
    for name, (first, second) in sides.items():
        for case, before, after in _matched(cases[id(first)], cases[id(second)], lambda one: one.case):
            row = {"bundle": name, **dict(zip([*CASE, "threads"], case, strict=True))}
            verdict = _one_sided(before, after) or _unlike_speeds(before[0], after[0])
            if verdict:
                rows.append(row | {"verdict": verdict})
                continue
            (old,), (new,) = before, after
            ratio, probability = intervals.unpaired_ratio(new.rates, old.rates)
            found[len(rows)] = (ratio, probability)
            means = [intervals.geometric_mean(one.rates).estimate for one in (old, new)]
            row |= {"unit": old.unit, "first_rate": means[0], "second_rate": means[1]}
            rows.append(row | {"ratio": ratio.estimate, "low": ratio.low, "high": ratio.high})
    changed = equivalence.holm([probability for _, probability in found.values()])
    for (place, (ratio, _)), differs in zip(found.items(), changed, strict=True):
        rows[place]["verdict"] = Verdict(equivalence.speed_verdict(ratio, differs))
    return pd.DataFrame(rows, columns=SPEED)


def range_of_ratios(speed: pd.DataFrame) -> tuple[float, float, float] | None:
    """Return the least ratio of a table of speeds, the greatest and the median; None if it has fewer than two."""
    ratios = speed["ratio"].dropna()
    return (ratios.min(), ratios.max(), ratios.median()) if len(ratios) > 1 else None


def circumstances(sides: Sides) -> pd.DataFrame:
    """Return a row per machine, library or commit that differs between the records of the two."""
    rows = []
    for name, (first, second) in sides.items():
        before, after = _circumstances(first), _circumstances(second)
        for what in sorted({*before, *after}):
            values = ["; ".join(sorted(one.get(what, ()))) for one in (before, after)]
            if values[0] != values[1]:
                rows.append(dict(zip(CIRCUMSTANCES, (name, what, *values), strict=True)))
    return pd.DataFrame(rows, columns=CIRCUMSTANCES)


def _circumstances(records: Records) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    measured = [measurement.record for measurement in records.measurements]
    everything: list[RunRecord | MeasurementRecord] = [*records.runs, *measured]
    for record in everything:
        commit = (record.commit or "no git checkout")[:12] + (" with changes" if record.commit_dirty else "")
        versions = [record.versions] if isinstance(record, RunRecord) else [one.versions for one in record.samples]
        machine = machine_columns(record.machine) | {"bfloat16": record.machine.bfloat16, "node": record.machine.node}
        properties = [*machine.items(), ("commit", commit)]
        if isinstance(record, RunRecord):
            properties.append(("threads of runs", record.settings.threads))
        for what, value in [*properties, *(item for one in versions for item in one.items())]:
            found.setdefault(what, set()).add("" if value is None else str(value))
    return found


@dataclass(frozen=True)
class _MeasuredCase:
    """What is compared of one case: a speed per process, its verdict, and what must be alike."""

    case: tuple[object, ...]
    rates: list[float]  # empty if the case failed
    verdict: Verdict
    settings: dict[str, object]
    unit: str
    data: set[str]


def _cases(measurements: Iterable[Measurement]) -> Iterator[_MeasuredCase]:
    for measurement in measurements:
        record = measurement.record
        rates = analyse.process_rates(measurement)
        for row in analyse.speed_table([measurement]).to_dict("records"):
            samples = [one for one in record.samples if one.implementation == row["implementation"]]
            yield _MeasuredCase(
                case=(*(row[part] for part in CASE), row["threads"]),
                rates=rates.get(row["implementation"], []),
                verdict=row["verdict"],
                settings=plain(record.settings),
                unit=row["unit"],
                data={one.data_sha256 for one in samples},
            )


def _matched(
    first: Iterable[Any], second: Iterable[Any], case_of: Callable[[Any], tuple[Any, ...]]
) -> Iterator[tuple[tuple[Any, ...], list[Any], list[Any]]]:
    """Yield every case of either side with the members that each side has."""
    sides: list[dict[tuple[Any, ...], list[Any]]] = [{}, {}]
    for side, members in zip(sides, (first, second), strict=True):
        for member in members:
            side.setdefault(case_of(member), []).append(member)
    for case in sorted({*sides[0], *sides[1]}):
        yield case, sides[0].get(case, []), sides[1].get(case, [])


def _all_runs(records: Records) -> list[RunRecord | FailedRun]:
    return [*records.runs, *records.failures]


def _failed(before: Sequence[RunRecord | FailedRun], after: Sequence[RunRecord | FailedRun]) -> Verdict | None:
    """Return that the second failed, if a run of it did; or that it has nothing to be held against."""
    old, new = (
        [f"seed {one.run.seed}: {one.failure.message}" for one in side if isinstance(one, FailedRun)]
        for side in (before, after)
    )
    if new:
        return Verdict(Kind.FAILED, f"second: {'; '.join(new)}")
    return Verdict(Kind.NOT_COMPARED, f"first failed: {'; '.join(old)}") if before and len(old) == len(before) else None


def _one_sided(before: list[Any], after: list[Any]) -> Verdict | None:
    if not before:
        return ONLY_SECOND
    return None if after else ONLY_FIRST


def _unlike_runs(
    before: list[RunRecord], after: list[RunRecord], pairs: Sequence[tuple[RunRecord, RunRecord]]
) -> Verdict | None:
    everyone = [*before, *after]
    settings = [{**plain(one.settings), **plain(one.settings.preset)} for one in everyone]
    reasons = [_unlike(settings), _differ("data", {one.data.sha256 for one in everyone})]
    if not any(reasons) and not pairs:
        reasons.append("no two runs of one seed from the same initial weights")
    return _not_compared(reasons)


def _unlike_speeds(old: _MeasuredCase, new: _MeasuredCase) -> Verdict | None:
    if new.verdict.kind is Kind.FAILED:
        return Verdict(Kind.FAILED, f"second: {new.verdict.reason}")
    sides = {"first": old.verdict, "second": new.verdict}
    bad = [f"{side} {verdict}" for side, verdict in sides.items() if verdict.kind is not Kind.GOOD]
    return _not_compared([*bad, _unlike([old.settings, new.settings]), _differ("data", old.data | new.data)])


def _not_compared(reasons: Iterable[str]) -> Verdict | None:
    """Return the verdict with these reasons, without those that are empty; None if there is none."""
    found = "; ".join(filter(None, reasons))
    return Verdict(Kind.NOT_COMPARED, found) if found else None


def _unlike(settings: list[dict[str, object]]) -> str:
    """Return the settings that differ, except ``IGNORED_KEYS``."""
    names = sorted(set().union(*settings) - IGNORED_KEYS)
    return "; ".join(_differ(name, {repr(one.get(name)) for one in settings}) for name in names).strip("; ")


def _differ(name: str, values: set[str]) -> str:
    shown = ", ".join(sorted(value[:12] for value in values))
    return f"{name} differs: {shown}" if len(values) > 1 else ""


def _pairs(before: list[RunRecord], after: list[RunRecord]) -> Iterator[tuple[RunRecord, RunRecord]]:
    others = {(record.run.seed, record.initial_weights_sha256): record for record in after}
    for record in sorted(before, key=lambda one: one.run.seed):
        if other := others.get((record.run.seed, record.initial_weights_sha256)):
            yield record, other


def names(paths: list[Path], least: int = 2) -> list[str]:
    """Return names for bundles: the names of their files, or their whole paths if two names are the same.

    Raises:
        UsageError: fewer than ``least`` bundles, or one of them twice.
    """
    if len(paths) < least or len(set(paths)) < len(paths):
        raise UsageError(
            f"expected {'two or more ' if least > 1 else ''}different bundles, found "
            f"{', '.join(map(str, paths)) or 'none'}"
        )
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]

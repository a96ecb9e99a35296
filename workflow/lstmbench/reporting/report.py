"""Render the report: the tables and figures on one self-contained page, with the findings in words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench.analysis import against_baselines
from lstmbench.analysis.chosen_size import choose_size
from lstmbench.analysis.scaling import SCALED
from lstmbench.analysis.speed import STEADY, UNTESTED
from lstmbench.orchestration.selection import Selection
from lstmbench.records import table_names
from lstmbench.records.paths import CASE_COLUMNS, GROUP_COLUMNS, SIZE_COLUMNS
from lstmbench.records.tables import read_table
from lstmbench.reporting import cells, chosen_size, comparison, glossary, missing_runs, order, page_tables, precision
from lstmbench.reporting import parity as present_parity
from lstmbench.reporting import quality as present
from lstmbench.reporting import speed as present_speed
from lstmbench.reporting.data_sets import about, compared_with
from lstmbench.reporting.findings import findings
from lstmbench.reporting.html import Picture, Section, Table, as_table, picture, render
from lstmbench.reporting.learned import by_dataset as by_dataset_learned
from lstmbench.reporting.learning_curves import curves
from lstmbench.reporting.outcome import happened
from lstmbench.reporting.reproduce import measure_command, train_command, whole_command
from lstmbench.reporting.scaling import WORDS, by_dataset
from lstmbench.utils.wording import joined

FIGURES = {
    "quality": "Test {metric} of {dataset} by size, a point per seed and the mean, for {implementations}.",
    "learning": "Validation {metric} of {dataset} per epoch, a panel per size, for {implementations}.",
}

SPEED_FIGURES = {
    "ceiling": "Training speed of {dataset}, a panel per size: a bar for each of {timed}, with the interval over its "
    "processes, and beside it a mark where the matrix products alone would be.",
    "anatomy": "A training step of {dataset} in milliseconds, a panel per size, for {timed}: forwards from the "
    "embedding to the output, backwards (hatched), then clip, update and the rest. Dark: what the matrix products "
    "alone take. The mark: a step without the profiler.",
}


OVERVIEW = (
    "Validation {metrics} against seconds of training, at the sizes of the lines beside it; dashed: the target. Runs "
    "may have shared the machine: these seconds are a hint and no benchmark."
)

FIRST_FAILURES = 3
"""Failures on the first screen; all of them are further below."""

_UNIT = re.compile(r"(?<=\d) (?=%|points)|(?<=n) (?==)|(?<==) (?=\d)")


def report(
    tables: Path,
    figures: Path,
    parity: Sequence[Path],
    learned: Sequence[Path],
    config_name: str,
    selection: Selection,
) -> str:
    """Return the page as HTML.

    Args:
        tables: the folder of the result tables.
        figures: the folder of the figures.
        parity: certify's tables.
        learned: what the kept models show, a file per data set.
        config_name: the configuration files, with commas.
        selection: what they select, for the commands that make it again.

    Raises:
        DataError: a table or a figure that is missing or unreadable.
    """
    names = ("runs", "history", "failures", "settings", *present.TITLES, *table_names.SPEED, "precision", *SCALED)
    data = {name: read_table(tables / f"{name}.parquet") for name in (*names, *table_names.AGAINST_BASELINES)}
    data["phases"] = data["speed"]
    data["parity"] = pd.concat([read_table(path) for path in parity])
    runs = data["runs"]
    shown = by_dataset_learned(learned)
    parts = [_dataset(name, data, figures) | {"learned": shown.get(name)} for name in sorted(runs["dataset"].unique())]
    failures, not_measured = list(missing_runs.failed(data["failures"])), list(missing_runs.not_measured(data["speed"]))
    return render(
        "report.html.j2",
        config_name=config_name,
        facts=_facts(runs, data["failures"]),
        when=_when(runs),
        happened=happened(runs, data["failures"], data["speed"], selection, config_name),
        rule=chosen_size.RULE,
        guide=glossary.words(data),
        glossary={"Words": list(glossary.explained(runs).items()), "Verdicts": glossary.verdicts()},
        overview=_overview(data, figures),
        datasets=parts,
        scaled=list(SCALED),
        sections=list(_sections(data)),
        capped=list(missing_runs.capped(data["quality"])),
        published=bool((data["quality"]["published_source"] != "").any()),
        failures=failures,
        not_measured=not_measured,
        first_failures=(failures + not_measured)[:FIRST_FAILURES],
        more_failures=max(0, len(failures) + len(not_measured) - FIRST_FAILURES),
        missing_cases=list(missing_runs.missing_cases(pd.concat([runs, data["failures"]]))),
        resumed=int((runs["resumed"] > 0).sum()),
        commits=sorted(set(zip(runs["commit"], runs["commit_dirty"].astype(bool), strict=True))),
        again=_again(data["quality"], data["speed"], selection),
        command=whole_command(selection),
        own=", ".join(str(own.path) for name in selection.datasets if (own := selection.own(name))),
        build="GPU=1 " if selection.device == "gpu" else "",
    )


def _overview(data: dict[str, pd.DataFrame], figures: Path) -> Picture:
    """Return the one picture of the first screen."""
    metrics = " and ".join(sorted(set(data["quality"]["metric"]), reverse=True))
    return picture(figures / "overview.svg", OVERVIEW.format(metrics=metrics))


def _sections(data: dict[str, pd.DataFrame]) -> Iterator[Section]:
    """Yield the sections below the data sets; a new section is another ``yield``."""
    yield _parity(data["parity"])
    yield _steadiness(data["speed"])
    title = present.TITLES["environment"]
    yield Section("where", title, tables=page_tables.machines_and_libraries(data["environment"]))
    yield from _baselines({name: data[f"baseline_{name}"] for name in against_baselines.TABLES})


def _baselines(tables: dict[str, pd.DataFrame]) -> Iterator[Section]:
    """Return the cases that a baseline machine has too, if any."""
    shown: dict[str, Table] = {}
    for name, table in tables.items():
        parts, notes = comparison.shown({name: table})
        shown |= {heading: as_table(frame, " ".join(notes)) for heading, frame in parts.items()}
    if shown:
        yield Section("baselines", comparison.TITLE_OF_BASELINES, [comparison.SIDES_OF_BASELINES], shown)


def _parity(certificates: pd.DataFrame) -> Section:
    table = as_table(present_parity.shown(certificates), present_parity.note(certificates))
    return Section("parity", present_parity.TITLE, tables={"": table})


def _steadiness(speed: pd.DataFrame) -> Section:
    """Return how many measured speeds are quotable, and why the others are not."""
    title = "Interference and steadiness"
    if speed.empty:
        return Section("steadiness", title, [present_speed.EMPTY["speed"]])
    speed = order.by_size(speed)
    verdicts = [present_speed.verdict(row) for row in speed.itertuples()]
    rows = speed[CASE_COLUMNS].assign(verdict=verdicts)
    quoted = speed[speed["quotable"] == 1]
    paragraphs = [
        f"{len(quoted)} of {len(speed)} measured speeds may be quoted{_how_steady(quoted['steady'])}. Of a speed "
        "that may be quoted, no more than half of the processes were found unsteady, and the blocks do not spread too "
        "far. System counters show whether something else used the machine."
    ]
    remarked = rows[[bool(present_speed.remarks(row)) for row in speed.itertuples()]]
    if remarked.empty:
        return Section("steadiness", title, [*paragraphs, "Nothing disturbed any of them, and all were steady."])
    return Section("steadiness", title, paragraphs, {"What speaks against a speed": as_table(remarked)})


def _how_steady(steady: pd.Series) -> str:
    """Return how many of these speeds are steady, how many are not in some process, and how many were not tested."""
    found, untested = int((steady == STEADY).sum()), int((steady == UNTESTED).sum())
    parts = {
        "steady": found,
        "unsteady in some process": len(steady) - found - untested,
        f"not tested for it ({UNTESTED})": untested,
    }
    listed = [f"{count} {what}" for what, count in parts.items() if count]
    return f": {joined(listed)}" if listed else ""


def _again(quality: pd.DataFrame, speed: pd.DataFrame, selection: Selection) -> Table:
    """Return the command that makes the records of a row again."""
    rows = []
    for row in order.by_size(quality).to_dict("records"):
        case = [row[part] for part in CASE_COLUMNS]
        command = train_command(
            selection, row["dataset"], row["size"], row["implementation"], row["device"], map(int, row["seeds"].split())
        )
        rows.append(["quality", *case, command])
    for row in order.by_size(speed).drop_duplicates(GROUP_COLUMNS).to_dict("records"):
        case = [row["dataset"], row["size"], row["device"]]
        command = measure_command(selection, *case)
        rows.append(["speed", *case[:2], "all of them, in turn", case[2], command])
    header = ["what", *CASE_COLUMNS, "command"]
    return as_table(pd.DataFrame(rows, columns=header))


def _dataset(dataset: str, data: dict[str, pd.DataFrame], figures: Path) -> dict[str, object]:
    own = {name: table[table["dataset"] == dataset] for name, table in data.items() if "dataset" in table}
    metric = own["quality"]["metric"].iloc[0]
    learned = own["quality"][own["quality"]["failure"] == ""]
    implementations = joined(sorted(own["runs"]["implementation"].unique()))
    timed = joined(sorted(own["speed"]["implementation"].unique()) or ["none"])
    words = {"dataset": dataset, "metric": metric, "implementations": implementations, "timed": timed}
    measured = not own["speed"].empty
    size = choose_size(own["quality"], own["differences"], own["speed"])
    lines: dict[str, list[Any]] = {}
    for line in findings(dataset, data):
        text, evidence = (_UNIT.sub("\N{NO-BREAK SPACE}", part) for part in (line.text, line.evidence))
        lines.setdefault(line.where, []).append(dataclasses.replace(line, text=text, evidence=evidence))
    return {
        "name": dataset,
        "about": about(dataset, own["quality"], own["runs"]),
        "findings": lines,
        "compared_with": [_UNIT.sub("\N{NO-BREAK SPACE}", text) for text in compared_with(own["quality"], size)],
        "speed": [
            _UNIT.sub("\N{NO-BREAK SPACE}", line) for line in present_speed.in_words(own["speed"], own["ratios"])
        ],
        "capped": (learned["caps"] != "").all(),
        "figures": {
            kind: picture(figures / f"{kind}_{dataset}.svg", text.format(**words))
            for kind, text in [
                *FIGURES.items(),
                *(SPEED_FIGURES.items() if measured else []),
                *((name, one.caption) for name, one in WORDS.items() if not own[name].empty),
            ]
        },
        "tables": {
            name: {"title": present.TITLES[name], "table": page_tables.quality_table(name, own[name])}
            for name in ("quality", "differences", "milestone_means", "time_to_quality")
            if not own[name].empty
        }
        | {
            name: {"title": title, "table": page_tables.speed_table(name, own[name])}
            for name, title in present_speed.TITLES.items()
            if not own[name].empty
        }
        | _others(own),
        "curves": curves(own["history"], metric),
        "published": _published(own["quality"]),
        "settings": _settings(own["settings"], own["runs"]),
    }


def _others(own: dict[str, pd.DataFrame]) -> dict[str, dict[str, object]]:
    """Return the tables that have their own modules, by name, if they have rows."""
    tables = {}
    if not own["precision"].empty:
        (frame,) = precision.by_dataset(own["precision"]).values()
        tables["precision"] = {
            "title": precision.TITLE,
            "table": as_table(frame, " ".join(precision.NOTES)),
        }
    for name, scaled in SCALED.items():
        if not own[name].empty:
            (frame,) = by_dataset(scaled, own[name]).values()
            tables[name] = {"title": WORDS[name].title, "table": as_table(frame, WORDS[name].note)}
    return tables


def _settings(settings: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """Return a column per size (and per variant, if a size was run with several)."""
    columns = {}
    ordered = order.by_size(settings)
    for _, row in ordered.iterrows():
        several = (ordered["size"] == row["size"]).sum() > 1
        heading = f"{row['size']} ({row['settings_sha256'][:8]})" if several else row["size"]
        values = row.drop([*SIZE_COLUMNS, "settings_sha256"])
        mine = runs[(runs["size"] == row["size"]) & (runs["settings_sha256"] == row["settings_sha256"])]
        fields = {name.replace("_", " "): _setting(value) for name, value in values.items()}
        columns[heading] = {"parameters": cells.number(mine["parameters"].iloc[0], 0)} | fields
    frame = pd.DataFrame(columns).rename_axis("setting").reset_index()
    return as_table(frame)


def _setting(value: Any) -> str:
    if isinstance(value, str):
        return value or cells.ABSENT
    return cells.ABSENT if pd.isna(value) else f"{value:,.6g}"


def _published(quality: pd.DataFrame) -> list[dict[str, str]]:
    shown = quality[quality["published_source"] != ""]
    rows = order.by_size(shown).drop_duplicates(["size", "published_source"])
    return [
        {
            "size": row.size_,
            "value": cells.metric(row.published, row.metric),
            "source": row.published_source,
            # Anything else in an href could be a script.
            "url": row.published_url if re.match(r"https?://", row.published_url) else "",
            "note": row.published_note,
        }
        for row in rows.rename(columns={"size": "size_"}).itertuples()
    ]


def _facts(runs: pd.DataFrame, failures: pd.DataFrame) -> list[tuple[str, str]]:
    def listed(column: str) -> str:
        return ", ".join(map(str, sorted(runs[column].unique())))

    capped = int((runs["caps"] != "").sum())
    how_many = "all" if capped == len(runs) else f"{capped} of them"
    failed = f"; {len(failures)} failed" if len(failures) else ""
    return [
        ("runs", f"{len(runs)}" + (f", {how_many} capped" if capped else "") + failed),
        ("data sets", listed("dataset")),
        ("sizes", ", ".join(order.by_size(runs.assign(dataset=""))["size"].unique())),
        ("implementations", listed("implementation")),
        ("seeds", _seeds(runs)),
        ("devices", listed("device")),
    ]


def _seeds(runs: pd.DataFrame) -> str:
    """Return the seeds of each size, once if they are the same."""
    sizes: dict[str, list[str]] = {}
    for size, own in order.by_size(runs.assign(dataset="")).groupby("size", sort=False):
        sizes.setdefault(", ".join(map(str, sorted(own["seed"].unique()))), []).append(str(size))
    if len(sizes) == 1:
        return next(iter(sizes))
    return "; ".join(f"{seeds} ({joined(names)})" for seeds, names in sizes.items())


def _when(runs: pd.DataFrame) -> str:
    first, last = runs["started"].min()[:10], runs["finished"].max()[:10]
    return first if first == last else f"{first} to {last}"

"""Report: the tables and figures on one self-contained page, with the findings in words."""

from __future__ import annotations

import argparse
import base64
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from lstmbench import (
    __version__,
    against_reference,
    equivalence,
    precision,
    present,
    present_compare,
    present_speed,
    scaling,
)
from lstmbench.cli import run
from lstmbench.errors import DataError
from lstmbench.files import write_text
from lstmbench.machine import split_device
from lstmbench.shown import numeric
from lstmbench.tables import RUN, read_table

TEMPLATES = Path(__file__).resolve().parents[1] / "report"

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

SCALING_FIGURES = {
    "scaling": "How many times as fast as with one worker {dataset} is trained, over the number of workers, a panel "
    "per size and device. The straight line: each worker worth one.",
}

SPEED_TABLES = ("speed", "ratios", "anatomy", "products")

_VERDICTS = {
    equivalence.EQUAL: "equal within {margin}",
    equivalence.DIFFERENT: "a difference",
    equivalence.INCONCLUSIVE: "inconclusive",
    equivalence.NO_CLAIM: f"no claim with fewer than {equivalence.FEWEST_SEEDS} seeds",
}
_MARGINS = {"perplexity": "1 %", "accuracy": "0.2 points"}

_UNIT = re.compile(r"(?<=\d) (?=%|points)|(?<=n) (?==)|(?<==) (?=\d)")


@dataclass(frozen=True)
class Table:
    """A table of text; ``numeric`` tells the columns to align to the right."""

    header: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    note: str


def report(tables: Path, figures: Path, config_name: str) -> str:
    """The page as HTML; ``config_name``: the configuration files of the runs, with commas.

    Raises:
        DataError: a table or a figure that is missing or unreadable.
    """
    names = ("runs", "failures", "settings", *present.TITLES, *SPEED_TABLES, "precision", "scaling")
    data = {name: read_table(tables / f"{name}.parquet") for name in names}
    data["phases"] = data["speed"]
    runs = data["runs"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        version=__version__,
        config_name=config_name,
        facts=_facts(runs, data["failures"]),
        when=_when(runs),
        datasets=[_section(name, data, figures) for name in sorted(runs["dataset"].unique())],
        environment=_table("environment", data["environment"]),
        environment_title=present.TITLES["environment"],
        capped=list(_capped(data["quality"])),
        failures=list(_failures(data["failures"])),
        holes=list(_holes(pd.concat([runs, data["failures"]]))),
        references=_references(
            {name: read_table(tables / f"reference_{name}.parquet") for name in against_reference.TABLES}
        ),
        resumed=int((runs["resumed"] > 0).sum()),
        commits=sorted({(row.commit, bool(row.commit_dirty)) for row in runs.itertuples()}),
    )


def finding(quality: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Sentences on one data set's quality: the largest size whose runs are complete, or that there is none."""
    complete = quality[quality["caps"] == ""]
    if complete.empty:
        return ["Every run was capped: this shows that each part works, not how well or how fast it learns."]
    largest = complete[complete["parameters"] == complete["parameters"].max()]
    size = present.by_size(largest)["size"].iloc[0]
    metric = quality["metric"].iloc[0]
    rows, pairs = (part[(part["size"] == size) & (part["caps"] == "")] for part in (complete, differences))
    values = [_with(present.metric(row.test_mean, metric), row) for row in rows.itertuples()]
    sentences = [f"Size {size}: test {metric} {_and(values)}."]
    unit = present.unit_of_difference(metric)
    for row in pairs.itertuples():
        side = "below" if row.mean < 0 else "above"
        low, high = (present.signed(value, unit) for value in (row.low, row.high))
        interval = f", 95 % interval {low} to {high}" if row.n > 1 else ""
        sentences.append(
            f"From the same initial weights, {row.second} ended {abs(row.mean):.2f} {unit} {side} {row.first} "
            f"({row.device}, n = {row.n:.0f}{interval}): {_VERDICTS[row.verdict].format(margin=_MARGINS[metric])}."
        )
    best = rows.dropna(subset=["published"])
    if not best.empty:
        first = best.iloc[0]
        sentences.append(
            f"Best published value known for this size: {present.metric(first['published'], metric)} "
            f"({first['published_source']})."
        )
    floor = rows["floor"].dropna()
    if not floor.empty:
        sentences.append(f"The source of the text itself would reach {present.metric(floor.iloc[0], metric)}.")
    return sentences


def _with(value: str, row: Any) -> str:
    return f"{value} with {row.implementation} ({row.device}, n = {row.n:.0f})"


def _and(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _section(dataset: str, data: dict[str, pd.DataFrame], figures: Path) -> dict[str, Any]:
    own = {name: table[table["dataset"] == dataset] for name, table in data.items() if "dataset" in table}
    metric = own["quality"]["metric"].iloc[0]
    learned = own["quality"][own["quality"]["failure"] == ""]
    implementations = _and(sorted(own["runs"]["implementation"].unique()))
    timed = _and(sorted(own["speed"]["implementation"].unique()) or ["none"])
    words = {"dataset": dataset, "metric": metric, "implementations": implementations, "timed": timed}
    sentences = finding(learned, own["differences"])
    measured = not own["speed"].empty
    return {
        "name": dataset,
        "finding": _UNIT.sub("\N{NO-BREAK SPACE}", " ".join(sentences)),
        "speed": [
            _UNIT.sub("\N{NO-BREAK SPACE}", line) for line in present_speed.in_words(own["speed"], own["ratios"])
        ],
        "capped": (learned["caps"] != "").all(),
        "figures": {
            kind: {"source": _data_uri(figures / f"{kind}_{dataset}.svg"), "text": text.format(**words)}
            for kind, text in [
                *FIGURES.items(),
                *(SPEED_FIGURES.items() if measured else []),
                *(SCALING_FIGURES.items() if not own["scaling"].empty else []),
            ]
        },
        "tables": {
            name: {"title": present.TITLES[name], "table": _table(name, own[name])}
            for name in ("quality", "differences", "milestone_means", "time_to_quality")
            if not own[name].empty
        }
        | {
            name: {"title": title, "table": _speed_table(name, own[name])}
            for name, title in present_speed.TITLES.items()
            if not own[name].empty
        }
        | _others(own),
        "published": _published(own["quality"]),
        "settings": _settings(own["settings"], own["runs"]),
    }


def _table(name: str, table: pd.DataFrame) -> Table:
    (frame,) = present.by_dataset(name, table).values()
    notes = present.NOTES[name]
    if "remark" in frame:
        # Beside the other columns it would stand out of sight on most screens.
        marked = frame[frame["remark"] != present.ABSENT]
        for remark, group in marked.groupby("remark", sort=False):
            sizes = _and(group["size"].str.removesuffix(", capped").unique())
            notes = [f"{sizes.capitalize()} {remark}.", *notes]
        frame = frame.drop(columns="remark")
    return _as_table(frame, " ".join(notes))


def _speed_table(name: str, table: pd.DataFrame) -> Table:
    (frame,) = present_speed.by_dataset(name, table).values()
    return _as_table(frame, " ".join(present_speed.notes(name, table)))


def _others(own: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """The tables of modules of their own, those that have rows."""
    tables = {}
    for module, name in ((precision, "precision"), (scaling, "scaling")):
        if not own[name].empty:
            (frame,) = module.by_dataset(own[name]).values()
            tables[name] = {"title": module.TITLE, "table": _as_table(frame, " ".join(module.NOTES))}
    return tables


def _references(tables: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """The cells that a reference machine has too; none if there are none."""
    parts = {}
    for name, table in tables.items():
        shown, notes = present_compare.shown({name: table})
        parts |= {heading: _as_table(frame, " ".join(notes)) for heading, frame in shown.items()}
    return parts


def _as_table(frame: pd.DataFrame, note: str = "") -> Table:
    return Table(header=list(frame.columns), rows=frame.to_numpy().tolist(), numeric=numeric(frame), note=note)


def _settings(settings: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """A column per size (and per variant, should a size have been run with several)."""
    columns = {}
    ordered = present.by_size(settings)
    for _, row in ordered.iterrows():
        several = (ordered["size"] == row["size"]).sum() > 1
        heading = f"{row['size']} ({row['settings_sha256'][:8]})" if several else row["size"]
        values = row.drop(["dataset", "size", "settings_sha256"])
        mine = runs[(runs["size"] == row["size"]) & (runs["settings_sha256"] == row["settings_sha256"])]
        cells = {name.replace("_", " "): _setting(value) for name, value in values.items()}
        columns[heading] = {"parameters": present.number(mine["parameters"].iloc[0], 0)} | cells
    frame = pd.DataFrame(columns).rename_axis("setting").reset_index()
    return _as_table(frame)


def _setting(value: Any) -> str:
    if isinstance(value, str):
        return value or present.ABSENT
    return present.ABSENT if pd.isna(value) else f"{value:,.6g}"


def _published(quality: pd.DataFrame) -> list[dict[str, str]]:
    shown = quality[quality["published_source"] != ""]
    rows = present.by_size(shown).drop_duplicates(["size", "published_source"])
    return [
        {
            "size": row.size_,
            "value": present.metric(row.published, row.metric),
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
        ("sizes", ", ".join(present.by_size(runs.assign(dataset=""))["size"].unique())),
        ("implementations", listed("implementation")),
        ("seeds", listed("seed")),
        ("devices", listed("device")),
    ]


def _when(runs: pd.DataFrame) -> str:
    first, last = runs["started"].min()[:10], runs["finished"].max()[:10]
    return first if first == last else f"{first} to {last}"


def _capped(quality: pd.DataFrame) -> Iterator[tuple[str, str]]:
    shown = present.by_size(quality[quality["caps"] != ""])
    for (dataset, size, caps), group in shown.groupby(["dataset", "size", "caps"], sort=False):
        who = _and(sorted(set(group["implementation"] + " on " + group["device"])))
        yield f"{dataset}, {size}", f"{caps} ({who})"


def _failures(failures: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for (dataset, size, implementation, device, why), group in failures.groupby([*RUN[:-1], "failure"], sort=True):
        seeds = _and(map(str, sorted(group["seed"])))
        yield f"{dataset}, {size}, {implementation} on {device}, seed {seeds}", why


def _holes(runs: pd.DataFrame) -> Iterator[str]:
    """The runs of a data set that would complete the crossing of its sizes, implementations, devices and seeds."""
    for dataset, own in runs.groupby("dataset", sort=True):
        there = set(own[RUN[1:]].itertuples(index=False, name=None))
        ran = set(own[["implementation", "device"]].itertuples(index=False, name=None))
        missing: dict[tuple[str, ...], list[str]] = {}
        for *cell, seed in itertools.product(*(sorted(own[column].unique()) for column in RUN[1:])):
            # Most implementations have no runs of several workers, and miss none.
            of_one = split_device(cell[2]).workers == 1
            if (*cell, seed) not in there and (of_one or tuple(cell[1:]) in ran):
                missing.setdefault(tuple(cell), []).append(str(seed))
        for (size, implementation, device), seeds in missing.items():
            yield f"{dataset}, {size}, {implementation} on {device}: seed {_and(seeds)}"


def _data_uri(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. Run lstmbench.plot first.") from error
    return "data:image/svg+xml;base64," + base64.b64encode(content).decode("ascii")


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="folder of collect's and tabulate's tables")
    parser.add_argument("--figures", type=Path, required=True, help="folder of plot's figures")
    parser.add_argument("--config-name", required=True, help="configuration files of the runs, with commas")
    parser.add_argument("--output", type=Path, required=True, help="the HTML page")
    arguments = parser.parse_args(argv)
    write_text(arguments.output, report(arguments.tables, arguments.figures, arguments.config_name))


if __name__ == "__main__":
    sys.exit(run(main))

"""Tabulate quality: combine runs that differ only by their seed into one row, and compare it with published values.

Perplexities are averaged as logarithms.  Runs that differ in anything else (settings, data, machine, library
versions, threads, what was capped) are never averaged together.  A capped run is not compared with published values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from lstmbench.records.columns import MACHINE
from lstmbench.records.paths import CASE_COLUMNS, GROUP_COLUMNS, RUN_COLUMNS, SIZE_COLUMNS
from lstmbench.records.tables import TEXTS
from lstmbench.statistics import equivalence, intervals
from lstmbench.statistics.verdict import Kind, Verdict

ALIKE = [*CASE_COLUMNS, "settings_sha256", "data_sha256", "machine", "versions", "threads", "caps"]
"""Runs are averaged if and only if they agree in all these columns."""


def number_machines(runs: pd.DataFrame) -> pd.DataFrame:
    """Return ``runs`` with a column ``machine`` that numbers the machines 1, 2, ... by what affects results.

    How a CPU multiplies in bfloat16 affects only the runs in that.  The others on machines of that kind have the number
    of the first of them.
    """
    kind = ["cpu", "machine_kind"]
    how = runs["bfloat16"].where(runs["bfloat16"] != "")
    how = how.fillna(how.groupby([runs[name] for name in kind]).transform("min"))
    return runs.assign(machine=runs.assign(how=how).groupby([*kind, "how"], sort=True, dropna=False).ngroup() + 1)


def quality(runs: pd.DataFrame, failures: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return one row per group of like runs, with quality and the best published value, and one row per reason to fail.

    ``difference`` to the published value and ``above_floor`` are in % for a perplexity, in percentage points for
    an accuracy.  ``predicted_right`` is the share, from 0 to 1, of a text's next words that are the model's first
    choice.
    """
    rows = []
    for key, group in _alike(runs):
        metric = metric_of(group)
        test = group[f"test_{metric}"]
        row = key | _seeds(group) | {"metric": metric, "parameters": group["parameters"].iloc[0]}
        test_mean = mean(test, metric)
        row |= {"test_mean": test_mean, "test_min": test.min(), "test_max": test.max()}
        row["valid_mean"] = mean(group[f"valid_{metric}"], metric)
        row["train_mean"] = mean(group["train_perplexity"], metric) if metric == "perplexity" else None
        words = group["test_accuracy"].dropna() if metric == "perplexity" else []
        row["predicted_right"] = mean(words, "accuracy") if len(words) else None
        best = _best(published, key, f"test_{metric}")
        row["published"] = best and best["value"]
        row["difference"] = best and difference(test_mean, best["value"], metric)
        row |= {f"published_{name}": best[name] if best else "" for name in ("source", "url", "note")}
        best = _best(published, key, f"valid_{metric}")
        row["published_valid"] = best and best["value"]
        row["published_valid_source"] = best["source"] if best else ""
        # The source's own perplexity is on the words of the whole split, so a capped test has no floor.
        floor = math.nan if key["caps"] else float(group["source_test_perplexity"].iloc[0])
        row["floor"] = floor
        row["source_perplexity"] = group["source_perplexity"].iloc[0]
        row["above_floor"] = difference(test_mean, floor, metric) if floor > 0 else None
        rows.append(row | {"failure": ""})
    for values, group in failures.groupby([*CASE_COLUMNS, "task", "failure"], sort=True):
        row = dict(zip([*CASE_COLUMNS, "task", "failure"], values, strict=True)) | _seeds(group)
        rows.append(row | {"n": 0, "metric": metric_of(group)})
    table = pd.DataFrame(rows).drop(columns="task", errors="ignore")
    texts = table.columns.intersection(list(TEXTS))
    return table.fillna(dict.fromkeys(texts, ""))


def differences(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the differences between each two implementations, over pairs of runs from the same initial weights.

    ``mean``, its 95 % interval ``low`` to ``high``, ``min`` and ``max`` compare the second with the first over the
    seeds. They are in % for a perplexity, from the mean of its log ratio, and in percentage points for an accuracy.
    ``verdict`` is what they support (``equivalence``), with all comparisons of complete runs taken together.
    """
    columns = [
        *GROUP_COLUMNS, "metric", "first", "second", "first_versions", "second_versions", "n", "seeds",
        "mean", "low", "high", "min", "max", "verdict", "caps", "settings_sha256", "data_sha256", "machine", "threads",
    ]  # fmt: skip
    same = [*GROUP_COLUMNS, "settings_sha256", "data_sha256", "machine", "threads", "caps"]
    rows = []
    kept = ["task", "implementation", "versions", "seed", "initial_weights_sha256", "test_perplexity", "test_accuracy"]
    for values, group in runs[[*same, *kept]].groupby(same, sort=True, dropna=False):
        metric = metric_of(group)
        sides = list(group.groupby(["implementation", "versions"], sort=True))
        for ((first, before_versions), left), ((second, after_versions), right) in itertools.combinations(sides, 2):
            pairs = left.merge(right, on=["seed", "initial_weights_sha256"], suffixes=("_first", "_second"))
            if first == second or pairs.empty:
                continue
            before, after = pairs[f"test_{metric}_first"], pairs[f"test_{metric}_second"]
            each = [difference(new, old, metric) for new, old in zip(after, before, strict=True)]
            found = equivalence.compare(before, after, metric)
            row = dict(zip(same, values, strict=True)) | _seeds(pairs)
            row |= {"metric": metric, "first": first, "second": second, "min": min(each), "max": max(each)}
            row |= {"first_versions": before_versions, "second_versions": after_versions}
            row |= {name: equivalence.in_unit(getattr(found, name), metric) for name in ("mean", "low", "high")}
            rows.append(row | {"comparison": found, "verdict": Verdict(Kind.NO_CLAIM)})
    complete = [row for row in rows if not row["caps"]]
    verdicts = equivalence.verdicts([row["comparison"] for row in complete])
    for row, verdict in zip(complete, verdicts, strict=True):
        row["verdict"] = Verdict(verdict)
    return pd.DataFrame(rows, columns=columns)


def environment(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per machine, set of libraries and noted difference; identical cluster nodes are one machine."""
    rows = []
    names = ["machine", *MACHINE, "implementation", "device", "bfloat16", "threads", "versions"]
    for values, group in runs.groupby(names, sort=True, dropna=False):
        commits = {
            (commit[:12] or "no git checkout") + (" with changes" if dirty else "")
            for commit, dirty in zip(group["commit"], group["commit_dirty"], strict=True)
        }
        row = dict(zip(names, values, strict=True))
        nodes = ", ".join(sorted(set(group["node"]) - {""}))
        limited = "; ".join(sorted(set(group["limited"]) - {""}))
        rows.append(
            row | {"nodes": nodes, "limited": limited, "commits": ", ".join(sorted(commits)), "runs": len(group)}
        )
    return pd.DataFrame(rows)


def milestones(runs: pd.DataFrame, tests: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return one row per group of like runs, number of updates and protocol: the accuracy over the seeds."""
    columns = [*ALIKE, "updates", "protocol", "predictions", "n", "seeds", "mean", "min", "max", "published_values"]
    merged = tests.merge(runs[[*RUN_COLUMNS, *ALIKE[len(RUN_COLUMNS) - 1 :]]], on=RUN_COLUMNS)
    rows = []
    for (updates, protocol, predictions), part in merged.groupby(["updates", "protocol", "predictions"], sort=True):
        for key, group in _alike(part):
            row = key | _seeds(group) | {"updates": updates, "protocol": protocol, "predictions": predictions}
            accuracy = group["accuracy"]
            row |= {"mean": accuracy.mean(), "min": accuracy.min(), "max": accuracy.max(), "published_values": ""}
            if not key["caps"] and predictions == 128:
                found = _published(published, key, "first_128_accuracy")
                row["published_values"] = ", ".join(f"{100 * value:.1f}" for value in sorted(found["value"]))
            rows.append(row)
    ordered = pd.DataFrame(rows, columns=columns)
    return ordered.sort_values([*ALIKE, "updates", "predictions"], ascending=[True] * len(ALIKE) + [True, False])


def time_to_quality(runs: pd.DataFrame, history: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Return one row per group of like runs and target: seconds of training until validation first shows the target.

    Only training counts, not validation; whole epochs count, because validation follows an epoch.  ``reached`` of ``n``
    runs reached the target.  A run that did not counts as infinitely long: the median is absent if half of them did
    not, the maximum if one did not.  ``joules_median`` is the energy of the GPU until then, counted in the same way.
    ``joules_per_epoch`` is the median over the runs.  Both are absent if one of the runs was not measured.
    """
    columns = [
        *ALIKE, "metric", "target", "target_source", "target_note", "n", "seeds", "reached", "seconds_median",
        "seconds_min", "seconds_max", "epochs_median",
        "joules_median", "joules_per_epoch",
    ]  # fmt: skip
    rows = []
    histories = dict(iter(history.groupby(RUN_COLUMNS)))
    for key, group in _alike(runs):
        metric = metric_of(group)
        kind = "capped" if key["caps"] else "complete"
        mine = (targets[[*SIZE_COLUMNS, "applies_to"]] == [key["dataset"], key["size"], kind]).all(axis="columns")
        pasts = [histories[run] for run in group[RUN_COLUMNS].itertuples(index=False, name=None)]
        for target in targets[mine].itertuples():
            reached = [_first_to_reach(past, metric, target.value) for past in pasts]
            seconds, epochs, joules = (pd.Series(values) for values in zip(*reached, strict=True))
            per_epoch = pd.Series([past["train_joules"].astype(float).mean(skipna=False) for past in pasts])
            row = key | _seeds(group) | {"metric": metric, "target": target.value, "target_note": target.why}
            row |= {"target_source": target.published_source, "reached": int((seconds < math.inf).sum())}
            row |= {"seconds_median": seconds.median(), "seconds_min": seconds.min(), "seconds_max": seconds.max()}
            row |= {"epochs_median": epochs.median(), "joules_per_epoch": per_epoch.median(skipna=False)}
            rows.append(row | {"joules_median": joules.median(skipna=False)})
    return pd.DataFrame(rows, columns=columns).replace(math.inf, math.nan)


def _first_to_reach(past: pd.DataFrame, metric: str, target: float) -> tuple[float, float, float]:
    """Return seconds of training, epochs and joules until validation first shows ``target``.

    They are infinite if it never does; joules that were not measured are NaN.
    """
    joules = past["train_joules"].astype(float)
    values = past[f"valid_{metric}"]
    good = past["epoch"][values <= target if metric == "perplexity" else values >= target]
    if good.empty:
        return math.inf, math.inf, math.nan if joules.isna().any() else math.inf
    needed = past["epoch"] <= good.min()
    return past["train_seconds"][needed].sum(), good.min(), joules[needed].sum(skipna=False)


def _alike(runs: pd.DataFrame) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Yield the values that a group's runs share, by name, and its rows."""
    for values, group in runs.groupby(ALIKE, sort=True, dropna=False):
        yield dict(zip(ALIKE, values, strict=True)), group


def _seeds(group: pd.DataFrame) -> dict[str, object]:
    return {"n": len(group), "seeds": " ".join(map(str, sorted(group["seed"])))}


def metric_of(group: pd.DataFrame) -> str:
    """Return the metric that runs of one task are judged by."""
    return "perplexity" if group["task"].iloc[0] == "language_model" else "accuracy"


def mean(values: pd.Series, metric: str) -> float:
    """Return the mean over seeds; of a perplexity the mean of its logarithm, because a run measures that."""
    if metric == "perplexity":
        return math.exp(math.fsum(map(math.log, values)) / len(values))
    return math.fsum(values) / len(values)


def interval_of_mean(values: Sequence[float], metric: str) -> intervals.Interval:
    """Return ``mean`` with its 95 % interval (t)."""
    return intervals.geometric_mean(values) if metric == "perplexity" else intervals.arithmetic_mean(values)


def means_by_implementation(quality: pd.DataFrame) -> dict[str, float]:
    """Return the test metric of each implementation, over its rows of the table, for their order only."""
    return dict(quality.groupby("implementation", sort=True)["test_mean"].mean())


def largest_difference(differences: pd.DataFrame) -> float:
    """Return the size of the largest mean difference."""
    return float(differences["mean"].abs().max())


def better_of(difference: Mapping[str, Any]) -> str:
    """Return the better of the two implementations in a row of ``differences``."""
    second_is_better = (difference["mean"] < 0) == (difference["metric"] == "perplexity")
    return str(difference["second" if second_is_better else "first"])


def difference(value: float, reference: float, metric: str) -> float:
    """Return the difference in % of a reference perplexity, or in percentage points of accuracy."""
    return 100 * (value / reference - 1) if metric == "perplexity" else 100 * (value - reference)


def _published(published: pd.DataFrame, key: dict[str, object], metric: str) -> pd.DataFrame:
    return published[
        (published["dataset"] == key["dataset"]) & (published["size"] == key["size"]) & (published["metric"] == metric)
    ]


def _best(published: pd.DataFrame, key: dict[str, object], metric: str) -> Mapping[str, Any] | None:
    found = _published(published, key, metric).sort_values("value", ascending=metric.endswith("perplexity"))
    return None if key["caps"] or found.empty else found.iloc[0].to_dict()

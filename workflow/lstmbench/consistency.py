"""What must hold between the values of one record: each follows from others, or cannot lie elsewhere.

A record that breaks one of these claims was edited, mixed up with another, or written by faulty code.  Nothing here may
depend on how fast or busy a machine is: a run that took hours must not be refused for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench import tasks
from lstmbench.errors import DataError
from lstmbench.files import hash_json
from lstmbench.interference import Load, disturbances
from lstmbench.loop import FIRST_LOSSES
from lstmbench.machine import split_device
from lstmbench.presets import Preset
from lstmbench.schemas import short
from lstmbench.statistics import iqr_over_median
from lstmbench.weights import parameter_count

ROUNDING = 1e-6
"""Relative.  Both sides are computed in double precision from one another; anything further apart was edited."""

SUFFICIENT_BLOCKS = 8
"""From so many on, the quartiles of a speed bound its average."""

LEAST_PERPLEXITY = 20.0
REAL_VOCABULARY = 1000
"""No model of a text with a vocabulary of that size or more, trained on that text alone, has come near this perplexity
(PTB: 47.7 with an ensemble of LSTMs, Melis et al. 2018): the test was in the training."""

SURE_PREDICTIONS = 5000
"""So many correct answers without one error are no result of learning from other images."""

SAMPLE = ["implementation", "round", "attempt"]
"""What names a sample within a measurement."""

_CUT = re.compile(r"^trained for ([\d,]+) of ([\d,]+) updates$")


@dataclass(frozen=True)
class Claim:
    """What a record says at a place, and what it would have to say there."""

    where: str
    holds: bool
    expected: str
    found: Any


def refuse(path: Path, claims: Iterable[Claim]) -> None:
    """Check claims about the record at ``path``.

    Raises:
        DataError: the first that does not hold, with its place, what was expected and what was found; or values
            that cannot be computed with, such as the 13th month.
    """
    try:
        for claim in claims:
            if not claim.holds:
                raise DataError(f"{path} at {claim.where}: expected {claim.expected}, found {short(claim.found)}")
    except (ArithmeticError, ValueError) as error:
        raise DataError(f"{path}: its values cannot be computed with: {error}") from error


def equal(where: str, found: Any, expected: Any, because: str) -> Claim:
    """That ``found`` is ``expected``; numbers up to rounding."""
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return Claim(where, math.isclose(found, expected, rel_tol=ROUNDING), f"{expected:.9g}, {because}", found)
    return Claim(where, found == expected, f"{short(expected)}, {because}", found)


def of_run(record: dict[str, Any]) -> Iterator[Claim]:
    """The claims of a run.json that is of its schema."""
    yield from _perplexities(record)
    yield from _order(record["history"])
    yield from _settings(record)
    yield from _schedule(record)
    yield from _counts(record)
    yield from _first_losses(record)
    yield from _caps(record)
    yield from _times(record)
    yield from _speed(record)
    yield from _machine(record)
    yield from _plausible(record)


def _perplexities(record: dict[str, Any]) -> Iterator[Claim]:
    rows = [("$.final", record["final"], "")]
    for index, row in enumerate(record["history"]):
        rows += [(f"$.history[{index}]", row, split) for split in ("train_", "valid_")]
    for where, row, split in rows:
        if (name := f"{split}perplexity") in row:
            loss = row[f"{split}loss"]
            value = math.exp(loss) if loss < 709 else math.inf  # the largest whose exp is a float
            close = math.isclose(row[name], value, rel_tol=ROUNDING)
            yield Claim(f"{where}.{name}", close, f"exp({split}loss) = {value:.9g}", row[name])


def _order(history: list[dict[str, Any]]) -> Iterator[Claim]:
    epochs = [row["epoch"] for row in history]
    in_order = list(range(1, len(epochs) + 1))
    yield Claim("$.history", epochs == in_order, f"epochs 1 to {len(epochs)} in order", epochs)
    updates = [row["updates"] for row in history]
    yield Claim("$.history", updates == sorted(set(updates)), "updates to grow from epoch to epoch", updates)


def _settings(record: dict[str, Any]) -> Iterator[Claim]:
    settings = record["settings"]
    yield equal("$.settings_sha256", record["settings_sha256"], hash_json(settings), "the hash of the settings")
    precision = split_device(record["run"]["device"])[1]
    yield equal("$.settings.dtype", settings["dtype"], precision, "as the device's name says")
    task = tasks.load(record["data"]["task"])
    facts = record["data"]["facts"]
    size = "vocab_size" if record["data"]["task"] == "language_model" else "classes"
    yield Claim("$.data.facts", size in facts, f"the fact {size}", facts)
    count = parameter_count(task.model_spec(Preset(**settings["preset"]), facts))
    yield equal("$.parameters", record["parameters"], count, "by the preset and the data")
    changed = record["initial_weights_sha256"] != record["final_weights_sha256"]
    hashed = record["final_weights_sha256"]
    yield Claim("$.final_weights_sha256", changed, "other weights than the initial ones, after training", hashed)


def _schedule(record: dict[str, Any]) -> Iterator[Claim]:
    preset = Preset(**record["settings"]["preset"])
    updates = record["history"][-1]["updates"]
    for index, row in enumerate(record["history"]):
        rate = preset.learning_rate_at(row["epoch"])
        yield equal(f"$.history[{index}].learning_rate", row["learning_rate"], rate, "by the preset's schedule")
    asked = preset.report_after_updates
    for index, row in enumerate(record["milestones"]):
        yield equal(f"$.milestones[{index}].updates", row["updates"], asked, "as the preset asks")
    there = asked is not None and asked <= updates
    yield equal("$.milestones", bool(record["milestones"]), there, "whether the preset asks for tests after the updates made")


def _counts(record: dict[str, Any]) -> Iterator[Claim]:
    preset, history = Preset(**record["settings"]["preset"]), record["history"]
    per_example = preset.num_steps if record["data"]["task"] == "language_model" else 1
    before = 0
    for index, row in enumerate(history):
        trained = (row["updates"] - before) * preset.batch_size * per_example
        yield equal(f"$.history[{index}].train_predictions", row["train_predictions"], trained, "by its updates")
        same = history[0]["valid_predictions"]
        yield equal(f"$.history[{index}].valid_predictions", row["valid_predictions"], same, "as in the first epoch")
        last = index == len(history) - 1
        whole = row["updates"] == row["epoch"] * history[0]["updates"] or (last and record["caps"])
        yield Claim(f"$.history[{index}].updates", bool(whole), "as many updates as in the first epoch", row["updates"])
        before = row["updates"]
    places = [("$.final", record["final"], "")]
    places += [(f"$.history[{index}]", row, "valid_") for index, row in enumerate(history)]
    places += [(f"$.milestones[{index}]", row, "") for index, row in enumerate(record["milestones"])]
    for where, row, split in places:
        if (name := f"{split}accuracy") in row:
            correct = row[name] * row[f"{split}predictions"]
            whole = abs(correct - round(correct)) < 1e-3
            yield Claim(f"{where}.{name}", whole, f"a whole number of {row[f'{split}predictions']:,} images", row[name])


def _first_losses(record: dict[str, Any]) -> Iterator[Claim]:
    if losses := record.get("first_losses"):
        first = record["history"][0]
        yield equal("$.first_losses", len(losses), min(FIRST_LOSSES, record["history"][-1]["updates"]), "one per first update")
        if first["updates"] <= len(losses):
            mean = math.fsum(losses[: first["updates"]]) / first["updates"]
            yield equal("$.first_losses", mean, first["train_loss"], "the first epoch's loss, on average")


def _caps(record: dict[str, Any]) -> Iterator[Claim]:
    settings, history = record["settings"], record["history"]
    epochs, updates = settings["preset"]["epochs"], history[-1]["updates"]
    cut = [match for words in record["caps"] if (match := _CUT.match(words))]
    if cut:
        reached, whole = (int(number.replace(",", "")) for number in cut[0].groups())
        yield equal("$.caps", reached, updates, "the updates of the last epoch")
        yield Claim("$.caps", reached < whole, "fewer updates than the whole schedule's", record["caps"])
        yield equal("$.settings.max_updates", settings["max_updates"], updates, "the updates of a run that was cut short")
    else:
        yield equal("$.history", len(history), epochs, "epochs of a run that was not cut short")
    few = settings["max_eval_predictions"] is not None
    yield equal("$.caps", any(words.startswith("evaluated") for words in record["caps"]), few, "whether evaluation was capped")


def _times(record: dict[str, Any]) -> Iterator[Claim]:
    speed, history = record["speed"], record["history"]
    training = math.fsum(row["train_seconds"] for row in history)
    yield equal("$.speed.train_seconds", speed["train_seconds"], training, "the sum over the epochs")
    first = speed["first_step_seconds"]
    yield Claim("$.speed.first_step_seconds", first <= training * (1 + ROUNDING), "no longer than all training", first)
    started, finished = (datetime.fromisoformat(record[name]) for name in ("started", "finished"))
    yield Claim("$.finished", started <= finished, f"not before it started, {record['started']}", record["finished"])
    if record["resumed"] == 0:
        tests = [row["valid_seconds"] for row in history] + [row["seconds"] for row in record["milestones"]]
        spent = math.fsum([training, record["final"]["seconds"], *tests, speed["import_seconds"], speed["build_seconds"]])
        elapsed = (finished - started).total_seconds() + 2  # both are cut to whole seconds
        expected = f"at least the {spent:.0f} s of its parts after {record['started']}"
        yield Claim("$.finished", spent <= elapsed, expected, record["finished"])


def _speed(record: dict[str, Any]) -> Iterator[Claim]:
    speed = record["speed"]
    quartiles = [speed[name] for name in ("p25", "median", "p75")]
    measured = speed["blocks"] > 0
    ordered = all((value is not None) == measured for value in quartiles) and (not measured or quartiles == sorted(quartiles))
    yield Claim("$.speed", ordered, "p25 <= median <= p75, all null without blocks", quartiles)
    if speed["blocks"] >= SUFFICIENT_BLOCKS:
        trained = sum(row["train_predictions"] for row in record["history"])
        average = trained / max(speed["train_seconds"], 1e-9)
        # Bounds that only a wrong unit or an edited value leaves; tracing and pauses make the average lower.
        near = speed["p25"] / 1000 < average < 2 * speed["p75"]
        yield Claim("$.speed.median", near, f"near {average:.4g}, the predictions over the time", speed["median"])


def _machine(record: dict[str, Any]) -> Iterator[Claim]:
    on_gpu = split_device(record["run"]["device"])[0] == "gpu"
    memory, machine = record["memory"], record["machine"]
    device_bytes = memory["peak_device_bytes"]
    yield equal("$.memory.peak_device_bytes", device_bytes is not None, on_gpu, "whether it ran on a GPU")
    if on_gpu:
        yield Claim("$.machine.gpu", machine["gpu"] is not None, "the GPU it ran on", machine["gpu"])
    least, most = 4 * record["parameters"], machine["memory_bytes"]
    peak = memory["peak_rss_bytes"]
    yield Claim("$.memory.peak_rss_bytes", least <= peak <= most, f"from {least:,} (the weights) to {most:,} (the machine's)", peak)
    clean = record["commit"] is not None or not record["commit_dirty"]
    yield Claim("$.commit_dirty", clean, "no changes where there is no commit", record["commit_dirty"])


def _plausible(record: dict[str, Any]) -> Iterator[Claim]:
    facts, final = record["data"]["facts"], record["final"]
    whole = record["settings"]["max_eval_predictions"] is None
    if "perplexity" in final and facts["vocab_size"] >= REAL_VOCABULARY:
        fair = final["perplexity"] >= LEAST_PERPLEXITY
        yield Claim("$.final.perplexity", fair, f"at least {LEAST_PERPLEXITY:g} of a model that never saw the test", final["perplexity"])
    floor = facts.get("source_cross_entropy_nats_test")
    if isinstance(floor, float) and whole:
        fair = final["loss"] >= 0.98 * floor
        yield Claim("$.final.loss", fair, f"at least about {floor:.4f}, what the text's own source would have", final["loss"])
    if "accuracy" in final and final["predictions"] >= SURE_PREDICTIONS:
        yield Claim("$.final.accuracy", final["accuracy"] < 1, "an error or two", final["accuracy"])


def of_measurement(record: dict[str, Any], blocks: pd.DataFrame) -> Iterator[Claim]:
    """The claims of a measurement whose two files are of their schemas."""
    group, samples = record["group"], record["samples"]
    precision = split_device(group["device"])[1]
    yield equal("$.dtype", record["dtype"], precision, "as the device's name says")
    started, finished = (datetime.fromisoformat(record[name]) for name in ("started", "finished"))
    yield Claim("$.finished", started <= finished, f"not before it started, {record['started']}", record["finished"])
    yield from _rounds(record)
    of_samples = dict(iter(blocks.groupby(SAMPLE)))
    there = {tuple(sample[name] for name in SAMPLE) for sample in samples}
    for name in sorted(of_samples.keys() - there):
        yield Claim("$.samples", False, "the sample of every block", f"no sample of {name}, which has blocks")
    bests: dict[str, float] = {}
    for sample in samples:
        cpu = Load(**sample["load"]).cpu_per_thread(record["threads"])
        bests[sample["implementation"]] = max(cpu, bests.get(sample["implementation"], 0.0))
    for index, sample in enumerate(samples):
        timed = of_samples.get(tuple(sample[name] for name in SAMPLE))
        yield from _sample(f"$.samples[{index}]", sample, timed, record, bests[sample["implementation"]], samples[0])


def _rounds(record: dict[str, Any]) -> Iterator[Claim]:
    samples = record["samples"]
    names = [tuple(sample[name] for name in SAMPLE) for sample in samples]
    yield Claim("$.samples", len(set(names)) == len(names), "each process once", names)
    failed = {failure["implementation"] for failure in record["failures"]}
    for implementation in sorted({sample["implementation"] for sample in samples} - failed):
        rounds = sorted({sample["round"] for sample in samples if sample["implementation"] == implementation})
        whole = list(range(1, record["processes"] + 1))
        yield equal("$.samples", rounds, whole, f"the rounds of {implementation}")
    for index, sample in enumerate(samples):
        mine = [other for other in names if other[:2] == names[index][:2]]
        attempts = [number for _, _, number in mine]
        yield equal(f"$.samples[{index}].attempt", attempts, list(range(1, len(mine) + 1)), "attempts in order")


def _sample(
    where: str, sample: dict[str, Any], timed: pd.DataFrame | None, record: dict[str, Any], best: float, first: dict[str, Any]
) -> Iterator[Claim]:
    """``best``: the most CPU time per thread and second of the implementation's processes; ``first``: the first sample."""
    phases, load = sample["phases"], sample["load"]
    steady = phases["steady_seconds"]
    blocks = 0 if timed is None else len(timed)
    yield Claim(f"{where}.phases.steady_seconds", blocks > 0, "timed blocks", blocks)
    yield equal(f"{where}.phases.steady_seconds", steady, float(timed["seconds"].sum()), "the sum of its blocks: the two files are not of one measurement")
    yield equal(f"{where}.steady_steps", sample["steady_steps"], int(timed["steps"].sum()), "the sum of its blocks")
    spread = iqr_over_median((timed["seconds"] / timed["steps"]).tolist())
    yield Claim(f"{where}.spread", math.isclose(sample["spread"], spread, rel_tol=ROUNDING, abs_tol=1e-9), f"{spread:.6g}, of its blocks", sample["spread"])
    wall = load["wall_seconds"]
    yield Claim(f"{where}.load.wall_seconds", steady <= wall * (1 + ROUNDING), f"at least the {steady:.6g} s of its blocks", wall)
    judged = disturbances(Load(**load), record["threads"], best, sample["spread"])
    yield equal(f"{where}.disturbances", bool(sample["disturbances"]), bool(judged), "whether its counters say so")
    for name in ("initial_weights_sha256", "data_sha256", "unit", "predictions_per_step"):
        yield equal(f"{where}.{name}", sample[name], first[name], "as in the first sample")
    preset = Preset(**record["settings"])
    windows = preset.num_steps if sample["unit"] == "words/s" else 1
    yield equal(f"{where}.predictions_per_step", sample["predictions_per_step"], preset.batch_size * windows, "by the preset")
    most = record["machine"]["memory_bytes"]
    least = 4 * sum(math.prod(product["right"]) for product in sample["products"] if product["direction"] == "forward")
    peak = sample["memory"]["peak_rss_bytes"]
    yield Claim(f"{where}.memory.peak_rss_bytes", least <= peak <= most, f"from {least:,} (the weights) to {most:,} (the machine's)", peak)
    on_gpu = split_device(record["group"]["device"])[0] == "gpu"
    yield equal(f"{where}.memory.peak_device_bytes", sample["memory"]["peak_device_bytes"] is not None, on_gpu, "whether it ran on a GPU")
    for number, product in enumerate(sample["products"]):
        (rows, depth), (_, columns) = product["left"], product["right"]
        flops = 2 * rows * depth * columns * product["count"]
        yield equal(f"{where}.products[{number}].flops", product["flops"], flops, "by its shapes")
    if loop := sample.get("details", {}).get("loop"):
        learner = loop["learner_seconds"]
        yield Claim(f"{where}.details.loop.learner_seconds", learner <= loop["seconds"], f"at most the loop's {loop['seconds']:.6g} s", learner)

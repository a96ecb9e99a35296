"""Records that a run could have written, for tests of everything that reads records."""

from __future__ import annotations

import copy
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lstmbench import tasks
from lstmbench.models.presets import Preset
from lstmbench.models.schedule import learning_rate_at
from lstmbench.models.weights import parameter_count
from lstmbench.records.paths import RUN
from lstmbench.records.run import write_record
from lstmbench.records.run_record import RunRecord
from lstmbench.system.device import split_device
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.files import hash_json

CAPS = ["trained for 1,562 of 30,199 updates"]
"""Of a run that was cut short."""

CLASSIFIERS = ("mnist", "glyphs")

WORDS_RIGHT = 20_000 / 82_429
"""Share of the next words of a test text that a good record predicts right."""

HIDDEN_SIZES = {"small": 200, "medium": 650, "large": 1500}
UPDATES = 2323
"""Per epoch, unless the run is capped."""


def make_record(
    dataset: str = "ptb",
    size: str = "small",
    implementation: str = "pytorch",
    device: str = "cpu",
    seed: int = 1,
    metric: float | None = None,
    epochs: int = 2,
    **changes: Any,
) -> dict[str, Any]:
    """A good record with this name and final ``metric`` (perplexity, or accuracy of a classifier).

    ``changes`` replace values by path, with a double underscore between its parts: ``speed__median=3000.0``.  What
    follows from the settings and the caps follows from the changed ones.
    """
    classifier = dataset in CLASSIFIERS
    if metric is None:
        metric = 0.985 if classifier else 113.6
    preset = {
        "source": f"the {size} recipe", "num_layers": 2, "hidden_size": HIDDEN_SIZES.get(size, 200),
        "num_steps": 20, "batch_size": 20,
        "keep_prob": 1.0, "forget_bias": 0.0, "lstm_init": "uniform", "output_init": "uniform", "init_scale": 0.1,
        "optimizer": "sgd", "learning_rate": 1.0, "epochs": epochs, "full_rate_epochs": 4, "lr_decay": 0.5,
        "max_grad_norm": 5.0, "report_after_updates": 781 if classifier else None,
    }  # fmt: skip
    dtype = split_device(device).precision
    settings = {"preset": preset, "max_updates": None, "max_eval_predictions": None, "threads": 1, "dtype": dtype}
    updates = UPDATES
    for words in changes.get("caps", ()):
        if words.startswith("trained for"):
            settings["max_updates"] = int(words.split()[2].replace(",", ""))
            updates = settings["max_updates"] // epochs
    for path, value in changes.items():
        if path.startswith("settings__"):
            change(settings, path.split("__")[1:], value)
    on_gpu = device.startswith("gpu")
    library = {"pytorch": {"torch": "2.13.0"}, "tensorflow": {"tensorflow": "2.21.0"}}.get(implementation, {})
    task = "classifier" if classifier else "language_model"
    facts: dict[str, Any] = {"classes": 10} if classifier else {"vocab_size": 64 if dataset == "markov" else 10000}
    recipe = Preset(**preset)
    spec = tasks.load(task).model_spec(recipe, facts)
    if dataset == "markov":
        facts |= {"entropy_rate_nats": math.log(20.5), "floor_perplexity": 20.5, "order": 2}
        facts["source_cross_entropy_nats_test"] = math.log(20.0)
    record: dict[str, Any] = {
        "schema_version": 2,
        "run": {"dataset": dataset, "size": size, "implementation": implementation, "device": device, "seed": seed},
        "started": "2026-01-02T03:04:05+00:00",
        "finished": "2026-01-02T04:04:05+00:00",
        "commit": "0123456789abcdef" * 2 + "01234567",
        "commit_dirty": False,
        "settings": settings,
        "settings_sha256": hash_json(settings),
        "data": {"task": task, "sha256": hash_json(dataset), "facts": facts},
        "initial_weights_sha256": hash_json([dataset, size, seed]),
        "final_weights_sha256": hash_json([dataset, size, seed, implementation, device]),
        "parameters": parameter_count(spec),
        "caps": [],
        "resumed": 0,
        "history": [_epoch(epoch, updates, recipe, metric, classifier) for epoch in range(1, epochs + 1)],
        "final": {"loss": 0.05, "accuracy": metric}
        if classifier
        else {"loss": math.log(metric), "perplexity": metric, "accuracy": WORDS_RIGHT},
        "milestones": _milestones(metric, updates * epochs) if classifier else [],
        "speed": {
            "unit": "images/s" if classifier else "words/s", "median": 3800.0, "p25": 3700.0, "p75": 3900.0,
            "blocks": min(400, updates * epochs), "import_seconds": 2.1, "build_seconds": 0.1,
            "first_step_seconds": 0.4, "train_seconds": 250.0 * epochs,
        },
        "memory": {"peak_rss_bytes": 900_000_000, "peak_device_bytes": 10**9 if on_gpu else None},
        "machine": {
            "cpu": "Example CPU", "cores": 2, "memory_bytes": 25_000_000_000, "gpu": "Example GPU" if on_gpu else None,
            "os": "Linux 6.1 x86_64", "python": "3.11.7",
        },
        "versions": {"numpy": "2.4.6", **library},
    }  # fmt: skip
    record["first_losses"] = [record["history"][0]["train_loss"]] * min(20, updates * epochs)
    record["final"] |= {"predictions": 10000 if classifier else 82429, "seconds": 12.0}
    for path, value in changes.items():
        change(record, path.split("__"), value)
    return record


def make_run(*arguments: Any, **changes: Any) -> RunRecord:
    """The record that ``make_record`` returns, as its type."""
    return converted(make_record(*arguments, **changes), RunRecord, "made")


def make_failure(
    dataset: str = "ptb",
    size: str = "small",
    implementation: str = "pytorch",
    device: str = "cpu",
    seed: int = 1,
    message: str = "E5-DIVERGED: the loss of update 31 is not a number; expected less than 700 nats",
) -> dict[str, Any]:
    """The record of a run that could not end."""
    return {
        "schema_version": 2,
        "run": {"dataset": dataset, "size": size, "implementation": implementation, "device": device, "seed": seed},
        "task": "classifier" if dataset in CLASSIFIERS else "language_model",
        "failed": "2026-01-02T04:04:05+00:00",
        "failure": {"exit_code": 5, "message": message},
    }


def change(record: dict[str, Any], keys: list[str], value: Any) -> None:
    """Replace the value under ``keys`` in place."""
    for key in keys[:-1]:
        record = record[int(key) if isinstance(record, list) else key]
    record[int(keys[-1]) if isinstance(record, list) else keys[-1]] = copy.deepcopy(value)


def save(results: Path, *records: dict[str, Any] | RunRecord) -> list[Path]:
    """Write records where the workflow does; their paths."""
    paths = []
    for record in records:
        path = results / RUN.format(**plain(record)["run"])
        write_record(path, record)
        paths.append(path)
    return paths


def sweep(
    seeds: int,
    sizes: Sequence[str] = ("small", "medium"),
    implementations: Sequence[str] = ("pytorch", "tensorflow"),
    epochs: int = 2,
) -> Iterator[dict[str, Any]]:
    """Good records of both tasks, with so many seeds per size and implementation; their results scatter."""
    draw = random.Random(1)
    for dataset, size, implementation in itertools.product(("ptb", "mnist"), sizes, implementations):
        for seed in range(1, seeds + 1):
            metric = draw.randrange(9800, 9900) / 10000 if dataset in CLASSIFIERS else draw.uniform(110, 120)
            yield make_record(dataset, size, implementation, seed=seed, metric=metric, epochs=epochs)


def _epoch(epoch: int, updates: int, recipe: Preset, metric: float, classifier: bool) -> dict[str, Any]:
    left = (recipe.epochs - epoch) / recipe.epochs
    row: dict[str, Any] = {"epoch": epoch, "learning_rate": learning_rate_at(recipe, epoch), "updates": updates * epoch}
    loss = 0.06 if classifier else math.log(metric)
    train, valid = max(loss - 1, 0.05) + 2 * left, loss + left
    trained = updates * recipe.batch_size * (1 if classifier else recipe.num_steps)
    row |= {"train_loss": train, "train_predictions": trained, "train_seconds": 250.0}
    row |= {"valid_loss": valid, "valid_predictions": 5000 if classifier else 73600, "valid_seconds": 6.0}
    if classifier:
        return row | {"valid_accuracy": round((metric - 0.05 * left) * 5000) / 5000}
    perplexities = {"train_perplexity": math.exp(train), "valid_perplexity": math.exp(valid)}
    return row | perplexities | {"valid_accuracy": 0.25}


def _milestones(accuracy: float, updates: int) -> list[dict[str, Any]]:
    if updates < 781:
        return []
    first = {"protocol": "first 128 test images, as the tutorial", "accuracy": round(accuracy * 128) / 128}
    both = [
        {"protocol": "all test images", "accuracy": accuracy - 0.01, "predictions": 10000},
        first | {"predictions": 128},
    ]
    return [{"updates": 781, "loss": 0.1, "seconds": 1.5} | row for row in both]


def make_pair(
    seed: int = 1, first: float = 100.0, second: float = 100.0, dataset: str = "ptb", **changes: Any
) -> list[dict[str, Any]]:
    """Runs of two implementations from the same initial weights."""
    return [
        make_record(dataset, implementation="pytorch", seed=seed, metric=first, **changes),
        make_record(dataset, implementation="tensorflow", seed=seed, metric=second, **changes),
    ]

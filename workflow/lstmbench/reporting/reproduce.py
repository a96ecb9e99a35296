"""Build the commands that reproduce what the report shows.

Each command states every key that affects a result, so that it means the same whatever files and keys were given
before.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from lstmbench.orchestration.selection import Selection
from lstmbench.records import paths
from lstmbench.system.device import split_device
from lstmbench.utils.conversion import plain

IGNORED_KEYS = ("local_data", "checkpoint_seconds", "keep_models")
"""Keys that change no result."""

UNLESS_EMPTY = ("environments", "texts", "images")
"""Keys that say nothing if they are empty."""


def whole_command(selection: Selection) -> str:
    """Return the command that reproduces everything of a selection."""
    return _command(selection)


def train_command(
    selection: Selection, dataset: str, size: str, implementation: str, device: str, seeds: Iterable[int]
) -> str:
    """Return the command that trains one implementation with these seeds again, and nothing else."""
    seeds = list(seeds)
    case = {"dataset": dataset, "size": size, "implementation": implementation, "device": device}
    narrowed = _narrowed(selection, dataset, size, device, implementations=[implementation], seeds=seeds)
    return _command(narrowed, *(paths.RUN.format(**case, seed=seed) for seed in seeds))


def measure_command(selection: Selection, dataset: str, size: str, device: str) -> str:
    """Return the command that measures the speeds of a size on a device again."""
    narrowed = _narrowed(selection, dataset, size, device, seeds=selection.seeds_of(size)[:1])
    return _command(narrowed, paths.MEASUREMENT.format(dataset=dataset, size=size, device=device))


def _narrowed(selection: Selection, dataset: str, size: str, device: str, **rest: Any) -> Selection:
    """Return the selection of one size on one device."""
    parts = split_device(device)
    return msgspec.structs.replace(
        selection,
        datasets=[dataset],
        sizes=[size],
        precisions=[parts.precision],
        workers=[parts.workers],
        threads=selection.threads if parts.threads is None else [parts.threads],
        max_updates=selection.max_updates_of(size),
        speed=msgspec.structs.replace(selection.speed, sizes=[size]),
        **rest,
    )


def _command(selection: Selection, *targets: str) -> str:
    values = {key: value for key, value in plain(selection).items() if key not in IGNORED_KEYS}
    for key in ("texts", "images"):
        values[key] = {name: own for name, own in values[key].items() if name in selection.datasets}
    values = {key: value for key, value in values.items() if value or key not in UNLESS_EMPTY}
    paths = [str(Path(selection.results, target)) for target in targets]
    force = ["--force"] if targets else []
    keys = [f"{key}={_written(value)}" for key, value in values.items()]
    return shlex.join(["snakemake", *paths, *force, "--cores", "all", "--config", *keys])


def _written(value: Any) -> str:
    """Return a value as Snakemake's command line reads it: a number, True or False without quotes, or else YAML."""
    if isinstance(value, str):
        return f"!!str {value}" if _is_number(value) or value in ("True", "False") else value
    if value is None or isinstance(value, int):
        return "null" if value is None else str(value)
    text: str = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    return text.strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Check a configuration before any job runs, and list the cases that it selects.

Without this check, Snakemake would answer a misspelt name with "Nothing to be done" if results exist.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from jsonschema.exceptions import best_match

from lstmbench import datasets, implementations, tasks
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.records import paths
from lstmbench.system.device import resolve_device, split_device
from lstmbench.utils.errors import UsageError
from lstmbench.utils.escaping import one_line
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.validation import require_folder, require_known

SCHEMA = WORKFLOW / "schemas" / "config.schema.yaml"

DEFAULT_SEEDS = [1]
"""The random seeds of a size that a mapping of seeds does not name."""

COUNTS = ("seeds", "workers", "threads", "max_updates", "max_eval_predictions", "speed")
SWITCHES = ("keep_models",)


_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
"""Booleans as YAML writes them, which Snakemake's command line leaves as text, and as Python writes them."""


@dataclass(frozen=True)
class Speed:
    """The part of a configuration about measuring speed; its fields are the keys of ``speed`` in config.yaml."""

    sizes: list[str]
    implementations: list[str]
    processes: int
    attempts: int
    blocks: int


@dataclass(frozen=True)
class Selection:
    """A checked configuration; its fields are the keys of config.yaml."""

    datasets: list[str]
    sizes: list[str]
    implementations: list[str]
    environments: Mapping[str, list[str] | Mapping[str, str]]
    seeds: list[int] | Mapping[str, list[int]]
    device: str
    precisions: list[str]
    workers: list[int]
    threads: int | list[int]
    results: str
    local_data: list[str]
    max_updates: int | Mapping[str, int] | None
    max_eval_predictions: int | None
    checkpoint_seconds: int
    keep_models: bool
    speed: Speed

    @property
    def bare_devices(self) -> list[str]:
        """The device's name in each precision, without threads and workers: cpu, gpu-tf32."""
        return [resolve_device(f"{self.device}-{precision}") for precision in self.precisions]

    @property
    def devices(self) -> list[str]:
        """The device's names in each precision and, if ``threads`` is a list, with each number of threads: cpu-t1."""
        counts = self.threads if isinstance(self.threads, list) else [None]
        return [split_device(bare)._replace(threads=count).name for bare in self.bare_devices for count in counts]

    @property
    def cases(self) -> list[tuple[str, str]]:
        """The implementation and device of all runs; several workers only if the implementation supports them."""
        return [
            (implementation, split_device(device)._replace(workers=count).name)
            for implementation in self.implementations
            for device in self.devices
            for count in self.workers
            if count == 1 or implementations.distributed(implementation)
        ]

    @property
    def cases_of_one(self) -> list[tuple[str, str]]:
        """The cases with one worker: only these can ``sample`` measure and ``plan`` predict."""
        return [(implementation, device) for implementation, device in self.cases if device in self.devices]

    def records(self) -> list[Path]:
        """Return the paths of the records of all runs, whether they exist or not."""
        return [
            Path(
                self.results,
                paths.RUN.format(dataset=dataset, size=size, implementation=name, device=device, seed=seed),
            )
            for dataset, size, (name, device) in itertools.product(self.datasets, self.sizes, self.cases)
            for seed in self.seeds_of(size)
        ]

    def seeds_of(self, size: str) -> list[int]:
        """Return the seeds of a size.  Its speed is measured with the weights of the first."""
        return self.seeds[size] if isinstance(self.seeds, Mapping) else self.seeds

    def threads_of(self, device: str) -> int:
        """Return the CPU threads of each worker of a run on ``device``."""
        threads = self.threads if isinstance(self.threads, int) else split_device(device).threads
        if threads is None:
            known = ", ".join(self.devices)
            raise UsageError(f"device {device}: expected one of this selection, with its threads ({known})")
        return threads

    def max_updates_of(self, size: str) -> int | None:
        """Return the number of updates after which a run of this size stops, or None."""
        return self.max_updates.get(size) if isinstance(self.max_updates, Mapping) else self.max_updates

    def caps_as_arguments(self, size: str) -> str:
        """Return the caps of a run of this size as arguments of ``lstm-bench train``."""
        caps = {"--max-updates": self.max_updates_of(size), "--max-eval-predictions": self.max_eval_predictions}
        return shlex.join(str(word) for name, value in caps.items() if value is not None for word in (name, value))


def require_path(folder: Path) -> None:
    """Refuse a project folder whose path contains the separator of PATH.

    The jobs find Python and the package through PATH and PYTHONPATH.

    Raises:
        UsageError: the folder cannot be on PATH.
    """
    if os.pathsep in str(folder):
        raise UsageError(f"{folder}: a folder whose path holds {os.pathsep!r} cannot be on PATH: rename or move it")


def checked(config: Mapping[str, Any]) -> Selection:
    """Check a configuration and return its selection, with its device resolved.

    Raises:
        UsageError: a key, name or folder is unknown, or a value has the wrong type; one line that lists what is known.
    """
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    for key in config:
        require_known("configuration key", key, schema["properties"])
        _require_names(key, config[key])
    config = {**config, **{key: _read(config[key]) for key in COUNTS if key in config}}
    config |= {key: _BOOLEANS.get(str(config[key]), config[key]) for key in SWITCHES if key in config}
    error = best_match(jsonschema.Draft202012Validator(schema).iter_errors(config))
    if error is not None:
        raise UsageError(f"configuration: {'.'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message}")
    for name in config["datasets"]:
        require_known("dataset", name, datasets.names())
    speed = config["speed"]
    for name in [*config["implementations"], *speed["implementations"]]:
        module, environment = implementations.split(name)
        require_known("implementation", module, implementations.names())
        if environment:
            require_known(f"environment of {name}:", environment, config["environments"])
    for dataset in config["datasets"]:
        for size in [*config["sizes"], *speed["sizes"]]:
            require_known(f"size of dataset {dataset}", size, sizes(dataset))
            preset = load_preset(PRESETS / dataset / f"{size}.yaml")
            try:
                tasks.require_suited(datasets.load_module(dataset).TASK, preset)
            except UsageError as error:
                raise UsageError(f"{dataset} {size}: {error}") from error
    there = dict.fromkeys(size for dataset in config["datasets"] for size in sizes(dataset))
    for key in ("max_updates", "seeds"):
        for size in config[key] if isinstance(config[key], Mapping) else ():
            require_known(f"size in {key}", size, there)
    config["seeds"] = _seeds(config["seeds"], [*config["sizes"], *speed["sizes"]])
    local_data = [str(require_folder("local_data", name)) for name in config["local_data"]]
    resolved = {"device": resolve_device(config["device"]), "local_data": local_data, "speed": Speed(**speed)}
    selection = Selection(**{**config, **resolved})
    _require_workers(selection)
    return selection


def _seeds(seeds: list[int] | Mapping[str, list[int]], sizes: list[str]) -> list[int] | Mapping[str, list[int]]:
    """Return the seeds by size, or a list if all sizes have the same, so that equal selections compare equal."""
    if not isinstance(seeds, Mapping):
        return seeds
    by_size = {size: seeds.get(size, DEFAULT_SEEDS) for size in sizes}
    first, *others = by_size.values()
    return by_size if any(other != first for other in others) else first


def _require_names(place: str, value: Any) -> None:
    """Refuse a mapping with a key that is no string; YAML reads such a key from ``true:`` or ``2:``."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if not isinstance(name, str):
                raise UsageError(f"configuration: {place}: expected a name before each colon, found {name!r}")
            _require_names(f"{place}.{one_line(name)}", member)
    if isinstance(value, list):
        for member in value:
            _require_names(place, member)


def _require_workers(selection: Selection) -> None:
    """Refuse numbers of workers that no implementation supports, or that do not divide a batch."""
    if not selection.cases:
        several = filter(implementations.distributed, implementations.names())
        raise UsageError(
            f"workers {selection.workers}: each of {', '.join(selection.implementations)} runs with 1 alone; add 1, or "
            f"an implementation of several: {', '.join(several)}"
        )
    for implementation, device in selection.cases:
        for dataset in selection.datasets:
            for size in selection.sizes:
                preset = load_preset(PRESETS / dataset / f"{size}.yaml")
                try:
                    implementations.require_shared(implementation, preset.batch_size, split_device(device).workers)
                except UsageError as error:
                    raise UsageError(f"{dataset} {size}: {error}") from error


def sizes(dataset: str) -> list[str]:
    """Return the sizes of a data set, in alphabetical order."""
    return sorted(path.stem for path in (PRESETS / dataset).glob("*.yaml"))


def _read(value: Any) -> Any:
    """Convert what Snakemake's command line leaves as text: null, and integers in a list or mapping."""
    if isinstance(value, list):
        return [_read(member) for member in value]
    if isinstance(value, Mapping):
        return {name: _read(member) for name, member in value.items()}
    if isinstance(value, str):
        return None if value == "null" else int(value) if value.isdecimal() else value
    return value

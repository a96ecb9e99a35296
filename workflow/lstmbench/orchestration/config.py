"""Check a configuration before any job runs.

Without this check, Snakemake would answer a misspelt name with "Nothing to be done" if results exist.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from lstmbench import datasets, implementations, tasks
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.orchestration.selection import Selection
from lstmbench.system.device import resolve_device, split_device
from lstmbench.utils.conversion import converted
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.escaping import brief, one_line, short
from lstmbench.utils.validation import require_folder, require_known

DEFAULT_SEEDS = [1]
"""The random seeds of a size that a mapping of seeds does not name."""

COUNTS = ("seeds", "workers", "threads", "max_updates", "max_eval_predictions", "speed")
SWITCHES = ("keep_models",)
"""Keys whose numbers and booleans may come from Snakemake's command line, which leaves some as text."""

UNIQUE = ("datasets", "sizes", "implementations", "seeds", "precisions", "workers", "threads", "speed")
"""Keys whose lists may not have a value twice."""

_INTEGER = re.compile(r"[0-9]{1,18}")
"""An integer as Snakemake's command line leaves it; a longer one stays a text, and is refused as one."""

GIVEN_ONCE = {
    ("--configfile", "--configfiles"): "--configfile workflow/configs/quick.yaml mine.yaml",
    ("--config", "-C"): "--config 'datasets=[ptb]' 'sizes=[small]'",
    ("--forcerun", "-R"): "--forcerun plan report",
}
"""Options of Snakemake that take several values, by their names, each with an example."""

_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")

_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
"""Booleans as YAML writes them, which Snakemake's command line leaves as text, and as Python writes them."""


def require_path(folder: Path) -> None:
    """Refuse a project folder whose path contains the separator of PATH.

    The jobs find Python and the package through PATH and PYTHONPATH.

    Raises:
        UsageError: the folder cannot be on PATH.
    """
    if os.pathsep in str(folder):
        raise UsageError(f"{folder}: a folder whose path holds {os.pathsep!r} cannot be on PATH: rename or move it")


def require_once(words: Sequence[str]) -> None:
    """Refuse a Snakemake command line that gives an option twice whose first values would be lost.

    ``make quick ARGS="--configfile mine.yaml"`` would start the full benchmark.

    Raises:
        UsageError: says how to give it once.
    """
    for names, once in GIVEN_ONCE.items():
        if sum(word.partition("=")[0] in names for word in words) > 1:
            raise UsageError(
                f"command line: expected {names[0]} once, found it twice, of which Snakemake would use the last alone; "
                f"give all its values to one: {once}"
            )


def require_plain(path: Path) -> None:
    """Refuse a configuration file of which YAML would make something else than it looks like.

    Of a key that is there twice YAML uses the last, and it reads 010 as 8.

    Raises:
        UsageError: names the line.
    """
    try:
        # JSON is YAML except for tabs.
        yaml.compose(path.read_text(encoding="utf-8").replace("\t", " "), Loader=_PlainLoader)
    except _NotPlain as error:
        raise UsageError(f"{path} line {error}") from error
    except yaml.YAMLError:
        return  # Snakemake has read it in its own way


class _NotPlain(Exception):
    """A place of a file that looks like something else than it is."""

    def __init__(self, node: yaml.Node, words: str) -> None:
        super().__init__(f"{node.start_mark.line + 1}: expected {words}")


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Refuse a key that is there twice, and a number with a leading zero.

    Unlike that of presets it allows aliases: no value is built here, so none can expand.
    """

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        found: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in found:
                raise _NotPlain(key, f"each key once, found {short(key.value)} again")
            found.add(str(key.value))
        return node

    def compose_scalar_node(self, anchor: Any) -> Any:
        node = super().compose_scalar_node(anchor)
        if node.style is None and _LEADING_ZERO.fullmatch(node.value):
            raise _NotPlain(node, f"a number without a leading zero, which YAML reads as octal, found {node.value}")
        return node


def checked(config: Mapping[str, Any]) -> Selection:
    """Check a configuration and return its selection, with its device resolved.

    Raises:
        UsageError: a key, name or folder is unknown, or a value has the wrong type; one line that lists what is known.
    """
    for key in config:
        require_known("configuration key", key, Selection.__struct_fields__)
        _require_names(key, config[key])
    config = {**config, **{key: _read(config[key]) for key in COUNTS if key in config}}
    config |= {key: _BOOLEANS.get(str(config[key]), config[key]) for key in SWITCHES if key in config}
    try:
        selection = converted(config, Selection, "configuration")
    except DataError as error:
        raise UsageError(str(error)) from error
    _require_unique("configuration at $", {key: config[key] for key in UNIQUE})
    _require_known_names(selection)
    selection = replace(
        selection,
        seeds=_seeds(selection.seeds, [*selection.sizes, *selection.speed.sizes]),
        device=resolve_device(selection.device),
        local_data=[str(require_folder("local_data", name)) for name in selection.local_data],
    )
    _require_workers(selection)
    return selection


def _require_known_names(selection: Selection) -> None:
    """Refuse names of which there is no file, and a size that does not suit its data set."""
    for name in [*selection.texts, *selection.images]:
        datasets.require_own_name(name)
    if twice := selection.texts.keys() & selection.images.keys():
        raise UsageError(f"configuration: expected each name once in texts and images, found {min(twice)} in both")
    for name in selection.datasets:
        require_known("dataset", name, [*datasets.names(), *selection.texts, *selection.images])
    speed = selection.speed
    for name in [*selection.implementations, *speed.implementations]:
        module, environment = implementations.split(name)
        require_known("implementation", module, implementations.names())
        if environment:
            require_known(f"environment of {name}:", environment, selection.environments)
    _require_one_level(selection)
    for dataset in selection.datasets:
        for size in dict.fromkeys([*selection.sizes, *speed.sizes]):
            require_known(f"size of dataset {dataset}", size, sizes(selection.preset_folder(dataset)))
            preset = load_preset(selection.preset_file(dataset, size))
            try:
                tasks.require_suited(selection.task_of(dataset), preset)
            except UsageError as error:
                raise UsageError(f"{dataset} {size}: {error}") from error
    # A configuration may name sizes of other data sets than those that the command line selects.
    there = dict.fromkeys(size for folder in sorted(PRESETS.iterdir()) for size in sizes(folder.name))
    for key, by_size in (("max_updates", selection.max_updates), ("seeds", selection.seeds)):
        for size in by_size if isinstance(by_size, Mapping) else ():
            require_known(f"size in {key}", size, there)
    _require_caps(selection)


def _require_caps(selection: Selection) -> None:
    """Refuse a mapping of caps without a selected size, which would run its whole schedule beside runs cut short."""
    caps = selection.max_updates
    if not isinstance(caps, Mapping):
        return
    for size in selection.sizes:
        if size not in caps:
            raise UsageError(
                f"configuration at $.max_updates: expected a number for the selected size {size}, or null for its "
                f"whole schedule; found {', '.join(sorted(caps)) or 'no size'}; add it: max_updates={{{size}: null}}"
            )


def _require_one_level(selection: Selection) -> None:
    """Refuse texts of words beside texts of characters: their perplexities cannot be compared, so share no table."""
    levels: dict[str, list[str]] = {}
    for name in selection.datasets:
        if selection.task_of(name) == "language_model":
            own = selection.own(name)
            levels.setdefault(own.options["level"] if own else "word", []).append(name)
    if len(levels) > 1:
        found = " and ".join(f"{', '.join(names)} by {level}s" for level, names in sorted(levels.items()))
        raise UsageError(
            "configuration at $.datasets: expected texts that are all read by words, or all by characters, because "
            f"their perplexities cannot be compared, found {found}; run them apart, each with another folder in results"
        )


def own_contents(selection: Selection) -> dict[str, dict[str, str]]:
    """Return the sha256 of each file of the selected data sets that are the user's own, by data set.

    Raises:
        UsageError, DataError: a path means no such files; with the key of the configuration.
    """
    contents = {}
    for name in selection.datasets:
        if own := selection.own(name):
            key = f"{'texts' if name in selection.texts else 'images'} {name}"
            try:
                contents[name] = own.contents()
            except (UsageError, DataError) as error:
                raise type(error)(f"{key}: {error}") from error
            except OSError as error:  # not ours to read, or no name for a file
                raise UsageError(f"{key}: {own.path}: expected what can be read, found {brief(error)}") from error
    return contents


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
                raise UsageError(f"configuration at $.{place}: expected a name before each colon, found {name!r}")
            _require_names(f"{place}.{one_line(name)}", member)
    if isinstance(value, list):
        for member in value:
            _require_names(place, member)


def _require_unique(place: str, value: Any) -> None:
    """Refuse a list that has a value twice: it would be run twice, and compared with itself."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            _require_unique(f"{place}.{name}", member)
    if isinstance(value, list) and (twice := [one for one in value if value.count(one) > 1]):
        raise UsageError(f"{place}: expected each value once, found {short(twice[0])} twice")


def _require_workers(selection: Selection) -> None:
    """Refuse numbers of workers that no implementation supports, or that do not divide a batch."""
    if not selection.cases:
        several = filter(implementations.distributed, implementations.names())
        raise UsageError(
            f"workers {selection.workers}: each of {', '.join(selection.implementations)} runs with 1 alone; add 1, or "
            f"an implementation of several: {', '.join(several)}"
        )
    for dataset in selection.datasets:
        for size in selection.sizes:
            preset = load_preset(selection.preset_file(dataset, size))
            for implementation, device in selection.cases:
                try:
                    implementations.require_shared(implementation, preset.batch_size, split_device(device).workers)
                except UsageError as error:
                    raise UsageError(f"{dataset} {size}: {error}") from error


def sizes(folder: str) -> list[str]:
    """Return the sizes of a folder of presets, which a shipped data set has under its name, in alphabetical order."""
    return sorted(path.stem for path in (PRESETS / folder).glob("*.yaml"))


def _read(value: Any) -> Any:
    """Convert what Snakemake's command line leaves as text: null, and integers in a list or mapping."""
    if isinstance(value, list):
        return [_read(member) for member in value]
    if isinstance(value, Mapping):
        return {name: _read(member) for name, member in value.items()}
    if isinstance(value, str):
        return None if value == "null" else int(value) if _INTEGER.fullmatch(value) else value
    return value

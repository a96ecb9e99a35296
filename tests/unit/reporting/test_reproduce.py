"""The commands of the report, read back as Snakemake reads them."""

from __future__ import annotations

import copy
import itertools
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from snakemake.cli import parse_args, parse_config
from snakemake.utils import update_config

from lstmbench import datasets, implementations
from lstmbench.orchestration.config import checked, sizes
from lstmbench.records import paths
from lstmbench.reporting.reproduce import measure_command, train_command, whole_command
from lstmbench.utils.errors import UsageError
from lstmbench.utils.paths import ROOT

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


OPTIONS = ["--cores", "all", "--config"]


def understood(command):
    """What Snakemake makes of a command beside the shipped configuration: its targets and the selection."""
    program, *words = shlex.split(command)
    assert program == "snakemake"
    end = words.index("--cores")
    assert words[end : end + 3] == OPTIONS
    targets = words[:end]
    assert ("--force" in targets) == bool(targets)
    config = copy.deepcopy(SHIPPED)
    update_config(config, parse_config(words[end + 3 :]))
    return [target for target in targets if target != "--force"], checked(config)


def some(names, **limits):
    return st.lists(st.sampled_from(sorted(names)), min_size=1, unique=True, **limits)


COUNT = st.integers(1, 9)
OF_SOME_SIZE = st.dictionaries(st.sampled_from(["small", "medium", "large"]), COUNT, min_size=1)
SEEDS = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3, unique=True)
SEVERAL_THREADS = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True)
NAMES = [*implementations.names(), "tensorflow-tf2.20", "pytorch-old"]
ENVIRONMENTS = {"tf2.20": ["tensorflow-cpu==2.20.0", "a>=1,<2; python_version > '3'"], "old": ["--pre", "tørch #1"]}


@st.composite
def selections(draw):
    """Whatever a configuration may choose."""
    own = {
        "texts": {"novel": draw(st.sampled_from(["novel.txt", {"path": "a b's.txt", "level": "word"}]))},
        "images": {"fashion": "~/fashion"},
    }
    chosen = draw(some([*datasets.names(), "novel", "fashion"], max_size=2))
    common = set.intersection(*(set(sizes({"novel": "ptb", "fashion": "mnist"}.get(name, name))) for name in chosen))
    caps = OF_SOME_SIZE.map(lambda caps: {size: caps.get(size) for size in common})
    config = {
        "datasets": chosen,
        **{key: {name: where for name, where in there.items() if name in chosen} for key, there in own.items()},
        "sizes": sorted(common),
        "implementations": draw(some(NAMES, max_size=3)),
        "environments": draw(st.just(ENVIRONMENTS)),
        "seeds": draw(SEEDS | st.dictionaries(st.sampled_from(sorted(common)), SEEDS, min_size=1)),
        "device": draw(st.sampled_from(["cpu", "gpu"])),
        "precisions": draw(some(["float32", "tf32", "bfloat16"])),
        "workers": draw(st.sampled_from([[1], [1, 2], [2, 1], [2]])),
        "threads": draw(COUNT | SEVERAL_THREADS),
        "results": draw(
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}(/[A-Za-z0-9][A-Za-z0-9._-]{0,5})?", fullmatch=True)
        ),
        "max_updates": draw(st.none() | COUNT | caps),
        "max_eval_predictions": draw(st.none() | COUNT),
        "speed": {
            "sizes": draw(some(common)),
            "implementations": draw(some(NAMES, max_size=3)),
            "processes": draw(COUNT),
            "attempts": draw(COUNT),
            "blocks": draw(COUNT),
        },
    }
    try:
        return checked({**SHIPPED, **config})
    except UsageError:  # several workers for an implementation that has one alone
        assume(False)


@settings(max_examples=25)
@given(selections())
def test_the_command_of_the_whole_is_the_whole(selection):
    targets, read = understood(whole_command(selection))
    assert read == selection
    assert not targets


@settings(max_examples=25)
@given(selections(), st.data())
def test_the_command_of_a_row_makes_its_runs_and_no_other_with_its_settings(selection, data):
    rows = itertools.product(selection.datasets, selection.sizes, selection.cases)
    dataset, size, (implementation, device) = data.draw(st.sampled_from(list(rows)))
    seeds = data.draw(some(selection.seeds_of(size)))
    targets, read = understood(train_command(selection, dataset, size, implementation, device, seeds))
    wildcards = {"dataset": dataset, "size": size, "implementation": implementation, "device": device}
    records = [Path(selection.results, paths.RUN.format(**wildcards, seed=seed)) for seed in seeds]
    assert sorted(map(Path, targets)) == sorted(records) == sorted(read.records())
    assert read.threads_of(device) == selection.threads_of(device)
    assert read.caps_as_arguments(size) == selection.caps_as_arguments(size)
    assert read.environments == selection.environments


@settings(max_examples=25)
@given(selections(), st.data())
def test_the_command_of_a_speed_measures_it_with_its_settings(selection, data):
    rows = itertools.product(selection.datasets, selection.speed.sizes, selection.devices)
    dataset, size, device = data.draw(st.sampled_from(list(rows)))
    targets, read = understood(measure_command(selection, dataset, size, device))
    assert targets == [
        str(Path(selection.results, paths.MEASUREMENT.format(dataset=dataset, size=size, device=device)))
    ]
    assert (read.datasets, read.speed.sizes, read.devices) == ([dataset], [size], [device])
    for name in ("implementations", "processes", "attempts", "blocks"):
        assert getattr(read.speed, name) == getattr(selection.speed, name)
    assert read.threads_of(device) == selection.threads_of(device)
    assert read.seeds_of(size)[0] == selection.seeds_of(size)[0]  # of the weights that are measured
    assert read.environments == selection.environments


def test_snakemake_itself_takes_the_words_apart_in_the_same_way():
    selection = checked({**SHIPPED, "device": "cpu", "environments": ENVIRONMENTS})
    command = train_command(selection, "ptb", "small", "pytorch", "cpu", [1, 2])
    _, options = parse_args(shlex.split(command)[1:])
    assert [*options.targets, "--force", *OPTIONS, *options.config] == shlex.split(command)[1:]
    assert options.force


@pytest.mark.parametrize("results", ["2024", "1e3", "1_000", "nan", "inf", "True", "null", "0x10", "a.b/1"])
def test_a_folder_that_looks_like_a_number_stays_a_name(results):
    selection = checked({**SHIPPED, "device": "cpu", "results": results})
    assert understood(whole_command(selection))[1].results == results

"""The widest pages that records can make: long names, several machines, every column that a table may have."""

from __future__ import annotations

import itertools
from pathlib import Path

from lstmbench.inference.learned import Confusion, Continuation, Learned, Mistake, Sentence, Shown
from lstmbench.records.bundle import pack
from lstmbench.records.measurement import Measurement, write_measurement
from lstmbench.records.paths import MEASUREMENT
from tests.factories.measurements import make_measurement
from tests.factories.pages import make_page
from tests.factories.records import CAPS, make_record, save
from tests.helpers.run_command import run_command

SIZE = "a-size-of-my-own-with-a-name-as-long-as-a-name-may-ever-become-x"
BUNDLES = ("old", *(f"{name}-machine-in-the-cellar-with-a-name-as-long-as-names-may-be" for name in ("new", "newest")))
NAMES = ("pytorch", "tensorflow_multiworker")
DEVICES = ("gpu", "gpu-bfloat16", "gpu-t4-x2")
SIZES = ("small", SIZE)
WORD = "a-word-of-somebody-s-own-text-that-does-not-end-before-the-screen-does"
LEARNED = (
    Learned("ptb", "small", 1, [
        Shown(
            name,
            sentence=Sentence(["the", WORD, "company"], ["the", "company", WORD]),
            continuations=(Continuation(WORD, {"company": 0.5, WORD: 0.25}, f"{WORD} / said"),),
        )
        for name in NAMES
    ], []),
    Learned("mnist", "small", 1, [
        Shown("pytorch", confusion=Confusion([[1000] * 10] * 10, [Mistake(7, 4, 9, 0.997, [[0, 255], [128, 0]])] * 10))
    ], []),
)  # fmt: skip
FACTORS = (1.0, 1.1, 0.9)


def make_widest_page(folder: Path) -> Path:
    """The path of a report with every table and as many and as wide columns as records allow."""
    baselines = [_bundle(folder, name, factor) for name, factor in zip(BUNDLES, FACTORS, strict=True)]
    here = [*_runs(1.0), *_runs(1.01, seeds=(3,), **_ELSEWHERE), make_record("mnist", caps=CAPS)]
    measured = list(_measured(1.0))
    paths = [_write(folder / "here", one) for one in measured]
    page = make_page(folder / "here", *here, measured=measured, baselines=baselines, learned=LEARNED)
    run_command("analyse", ["--output-dir", str(page.parent / "tables"), *map(str, paths)])
    return page


def make_comparison(folder: Path) -> Path:
    """The path of the page that compares bundles with long names."""
    bundles = [_bundle(folder, name, factor) for name, factor in zip(BUNDLES, FACTORS, strict=True)]
    run_command("compare", [*map(str, bundles), "--output-dir", str(folder / "out")])
    return folder / "out/comparison.html"


_ELSEWHERE = {
    "machine__cpu": "Another Processor (R) with a Long Name and Many Features CPU 9999 v4, avx512f",
    "machine__os": "Linux 6.18.44-a-kernel-of-somebody-v595 x86_64",
    "versions__a_library_that_comes_with_it": "2.13.0.dev20260101+cu130",
    "settings__preset__learning_rate": 0.5,
    "data__sha256": "f" * 64,
}


def _runs(factor: float, seeds: tuple[int, ...] = (1, 2), **changes: object) -> list[dict[str, object]]:
    return [
        make_record("ptb", size, name, device, seed=seed, metric=114.0 * factor + seed, **changes)
        for size, name, device, seed in itertools.product(SIZES, NAMES, DEVICES, seeds)
    ]


def _measured(factor: float) -> list[Measurement]:
    speeds = {name: [factor * rate for rate in (5.0, 5.02, 4.99)] for name in NAMES}
    failures = {"pytorch_fused": "E4-MACHINE: it did not run as loop over time; expected MatMul; found 12 others"}
    disturbed = {"disturbances": ["steal 4.5 % > 1.0 %", "other processes 3.0 % > 1.0 %"], "load__steal_share": 0.045}
    return [
        make_measurement(speeds, size=size, device=device, failures=failures, **disturbed)
        for size, device in itertools.product(SIZES, DEVICES)
    ]


def _bundle(folder: Path, name: str, factor: float) -> Path:
    save(folder / name, *_runs(factor))
    for one in _measured(factor):
        _write(folder / name, one)
    pack(folder / name, folder / f"{name}.zip")
    return folder / f"{name}.zip"


def _write(root: Path, measurement: Measurement) -> Path:
    group = measurement.record.group
    path = root / MEASUREMENT.format(dataset=group.dataset, size=group.size, device=group.device)
    write_measurement(path, measurement)
    return path

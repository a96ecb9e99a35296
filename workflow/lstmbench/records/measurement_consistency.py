"""Check that a measurement whose two files fit their types agrees with itself and can be true."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from lstmbench.models.cost import flops_of
from lstmbench.records.consistency import ROUNDING, Check, between, equal, memory
from lstmbench.records.format import MIN_BLOCK_SECONDS
from lstmbench.records.interference import disturbances
from lstmbench.records.measurement_record import Details, MeasurementRecord, ProcessSample
from lstmbench.statistics.spread import iqr_over_median
from lstmbench.system.device import split_device

SAMPLE = ["implementation", "round", "attempt"]
"""Columns that identify a sample within a measurement."""


def name_of(sample: ProcessSample) -> tuple[str, int, int]:
    """Return the values of ``SAMPLE``."""
    return sample.implementation, sample.round, sample.attempt


def checks_of_measurement(record: MeasurementRecord, blocks: pd.DataFrame) -> Iterator[Check]:
    """Yield all checks of a measurement; later ones rely on earlier ones."""
    samples = record.samples
    precision = split_device(record.group.device).precision
    yield equal("$.dtype", record.dtype, precision, "as the device's name says")
    started, finished = map(datetime.fromisoformat, (record.started, record.finished))
    yield Check("$.finished", started <= finished, f"not before it started, {record.started}", record.finished)
    names = [name_of(sample) for sample in samples]
    yield from _rounds(record, names)
    timed = dict(iter(blocks.groupby(SAMPLE)))
    for name in names:
        yield Check("$.samples", name in timed, "timed blocks of every sample", f"none of {name}")
    for name in timed:
        yield Check("$.samples", name in names, "a sample for all blocks", f"none for those of {name}")
    for index, (name, sample) in enumerate(zip(names, samples, strict=True)):
        here = f"$.samples[{index}]"
        yield from _blocks(here, sample, timed[name])
        yield from _circumstances(here, sample, record)
        yield from _products(here, sample)
        if sample.details:
            yield from _details(f"{here}.details", sample.details)


def _rounds(record: MeasurementRecord, names: list[tuple[str, int, int]]) -> Iterator[Check]:
    yield Check("$.samples", len(set(names)) == len(names), "each process once", names)
    failed = {failure.implementation for failure in record.failures}
    for implementation in sorted({name[0] for name in names} - failed):
        rounds = sorted({name[1] for name in names if name[0] == implementation})
        whole = list(range(1, record.processes + 1))
        yield equal("$.samples", rounds, whole, f"the rounds of {implementation}")
    for index, (implementation, number, _) in enumerate(names):
        attempts = [name[2] for name in names if name[:2] == (implementation, number)]
        in_order = list(range(1, len(attempts) + 1))
        yield equal(f"$.samples[{index}].attempt", attempts, in_order, "attempts in order")


def _blocks(here: str, sample: ProcessSample, timed: pd.DataFrame) -> Iterator[Check]:
    steady, load = sample.phases.steady_seconds, sample.load
    because = "the sum of its blocks: the two files are not of one measurement"
    yield equal(f"{here}.phases.steady_seconds", steady, float(timed["seconds"].sum()), because)
    yield equal(f"{here}.steady_steps", sample.steady_steps, int(timed["steps"].sum()), because)
    spread = iqr_over_median((timed["seconds"] / timed["steps"]).tolist())
    close = math.isclose(sample.spread, spread, rel_tol=ROUNDING, abs_tol=1e-9)
    yield Check(f"{here}.spread", close, f"{spread:.6g}, of its blocks", sample.spread)
    least = f"blocks of at least {MIN_BLOCK_SECONDS} s in the median, because shorter ones measure no speed"
    median = float(timed["seconds"].median())
    yield Check(f"{here}.steady_steps", median >= MIN_BLOCK_SECONDS, least, f"{median:.3g} s")
    yield between(f"{here}.load.wall_seconds", load.wall_seconds, steady, math.inf, "its blocks' time and more")


def _circumstances(here: str, sample: ProcessSample, record: MeasurementRecord) -> Iterator[Check]:
    samples, threads = record.samples, record.threads
    mine = [one.load for one in samples if one.implementation == sample.implementation]
    best = max(load.cpu_per_thread(threads) for load in mine)
    judged = disturbances(sample.load, threads, best, sample.spread)
    yield equal(f"{here}.disturbances", bool(sample.disturbances), bool(judged), "what its counters say")
    for name in ("initial_weights_sha256", "data_sha256", "unit"):
        yield equal(f"{here}.{name}", getattr(sample, name), getattr(samples[0], name), "as in the first sample")
    preset = record.settings
    per_step = preset.batch_size * (1 if sample.unit == "images/s" else preset.num_steps)
    yield equal(f"{here}.predictions_per_step", sample.predictions_per_step, per_step, "by the preset")
    used = sample.memory
    weights = used.least_bytes.weights // 4
    yield memory(f"{here}.memory.peak_rss_bytes", used.peak_rss_bytes, weights, record.machine)
    on_gpu = split_device(record.group.device).kind == "gpu"
    known = used.peak_device_bytes is not None
    yield equal(f"{here}.memory.peak_device_bytes", known, on_gpu, "whether it ran on a GPU")


def _products(here: str, sample: ProcessSample) -> Iterator[Check]:
    for number, product in enumerate(sample.products):
        yield equal(f"{here}.products[{number}].flops", product.flops, flops_of(product), "by its shapes")


def _details(here: str, details: Details) -> Iterator[Check]:
    for name in ("evaluation", "checkpoint", "loop", "trace"):
        found = getattr(details, name)
        yield Check(f"{here}.{name}", found is not None, "all details, which one process measures", found)
    trace, loop = details.trace, details.loop
    if trace and trace.coverage is not None and trace.step_seconds:
        share = sum(operation.seconds for operation in trace.operations) / trace.step_seconds
        yield equal(f"{here}.trace.coverage", trace.coverage, share, "of its operations and its step")
    if loop:
        yield between(f"{here}.loop.learner_seconds", loop.learner_seconds, 0, loop.seconds, "no longer than the loop")

"""Measurements that could have been made, for tests of everything that reads them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lstmbench.records.measurement import BLOCK_COLUMNS, Measurement
from lstmbench.records.measurement_record import MeasurementRecord, ProcessReport
from lstmbench.statistics.spread import iqr_over_median
from lstmbench.utils.conversion import converted, plain
from tests.factories.records import change, make_record

PRODUCTS = [
    {"name": "layer 0 input", "part": "recurrent", "direction": "forward", "left": [400, 200], "right": [200, 800],
     "transposed": "", "count": 1, "flops": 128_000_000, "seconds": 0.010},
    {"name": "layer 0 state", "part": "recurrent", "direction": "forward", "left": [20, 200], "right": [200, 800],
     "transposed": "", "count": 20, "flops": 128_000_000, "seconds": 0.001},
    {"name": "output", "part": "output", "direction": "backward", "left": [400, 10_000], "right": [10_000, 200],
     "transposed": "right", "count": 1, "flops": 1_600_000_000, "seconds": 0.020},
]  # fmt: skip
"""0.05 seconds per step."""

OPERATIONS = [
    {"name": "lstm", "part": "recurrent", "direction": "forward", "seconds": 0.040},
    {"name": "mm", "part": "output", "direction": "backward", "seconds": 0.025},
    {"name": "add", "part": "output", "direction": "backward", "seconds": 0.005},
    {"name": "norm", "part": "clip", "direction": "", "seconds": 0.010},
]


def make_measurement(*arguments: Any, **changes: Any) -> Measurement:
    """The measurement whose files hold what ``make_content`` returns."""
    content, of_blocks = make_content(*arguments, **changes)
    return Measurement(converted(content, MeasurementRecord, "made"), of_blocks)


def make_content(
    speeds: dict[str, list[float]],
    dataset: str = "ptb",
    size: str = "small",
    device: str = "cpu",
    blocks: int = 8,
    failures: dict[str, str] | None = None,
    **changes: Any,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The content of measurement.json and of the table of blocks of a measurement.

    Each implementation ran at ``speeds``, in steps per second, one process per value.  ``changes`` replace values of
    every sample by path, with a double underscore between its parts.
    """
    run = make_record(dataset=dataset, size=size, device=device)
    samples, rows = [], []
    for implementation, of_processes in speeds.items():
        for number, speed in enumerate(of_processes, start=1):
            name = {"round": number, "attempt": 1, "implementation": implementation}
            noise = 1 + 0.002 * np.sin(np.arange(blocks))
            seconds = 3 / speed * noise
            rows += [{**name, "block": place, "steps": 3, "seconds": value} for place, value in enumerate(seconds, 1)]
            samples.append(_sample(run, name, seconds, changes))
    record = {
        "schema_version": 2,
        "group": {"dataset": dataset, "size": size, "device": device},
        "threads": 2,
        "dtype": run["settings"]["dtype"],
        "processes": max(map(len, speeds.values()), default=1),
        "seed": 1,
        **{name: run[name] for name in ("started", "finished", "commit", "commit_dirty", "machine")},
        "settings": run["settings"]["preset"],
        "samples": samples,
        "failures": [
            {"implementation": name, "round": 1, "attempt": 1, "failure": message, "exit_code": 4}
            for name, message in (failures or {}).items()
        ],
    }
    return record, pd.DataFrame(rows, columns=BLOCK_COLUMNS)


def edited(
    measurement: Measurement, edit_sample: Callable[[dict[str, Any]], None] = lambda sample: None, **changes: Any
) -> Measurement:
    """A measurement with other values, by path, and with each sample, as JSON holds it, edited in place."""
    content = plain(measurement.record)
    for path, value in changes.items():
        change(content, path.split("__"), value)
    for sample in content["samples"]:
        edit_sample(sample)
    return Measurement(converted(content, MeasurementRecord, "made"), measurement.blocks)


def make_report(**changes: Any) -> ProcessReport:
    """What one process reported of its case; ``changes`` replace values by path, as in ``make_measurement``."""
    content, blocks = make_content({"pytorch": [5.0]})
    (sample,) = content["samples"]
    for key in ("round", "attempt", "spread", "disturbances"):
        del sample[key]
    sample |= {"blocks": blocks[["steps", "seconds"]].to_dict("records"), "machine": content["machine"]}
    for path, value in changes.items():
        change(sample, path.split("__"), value)
    return converted(sample, ProcessReport, "made")


def _sample(run: dict[str, Any], name: dict[str, Any], of_blocks: np.ndarray, changes: Any) -> dict[str, Any]:
    seconds, spread = float(of_blocks.sum()), iqr_over_median(of_blocks.tolist())
    phases = ("import_seconds", "build_seconds", "place_seconds", "first_step_seconds", "warm_up_seconds")
    rates = {"first_seconds": 0.5, "predictions_per_second": 20_000.0}
    sample: dict[str, Any] = {
        **name,
        "versions": {"numpy": "2.4.6"},
        "initial_weights_sha256": run["initial_weights_sha256"],
        "data_sha256": run["data"]["sha256"],
        "unit": "words/s",
        "predictions_per_step": 400,
        "phases": {**dict.fromkeys(phases, 1.5), "steady_seconds": seconds},
        "steady_steps": 3 * len(of_blocks),
        "load": {
            "wall_seconds": seconds, "cpu_seconds": 1.98 * seconds, "foreign_share": 0.001, "steal_share": 0.0,
            "pressure_share": None,
        },
        "spread": spread,
        "disturbances": [],
        "memory": {
            "peak_rss_bytes": 500_000_000,
            "peak_device_bytes": run["memory"]["peak_device_bytes"],
            "least_bytes": {"weights": 10**7, "gradients": 10**7, "optimizer": 0, "activations": 3 * 10**7},
        },
        "products": copy.deepcopy(PRODUCTS),
    }  # fmt: skip
    if name["round"] == 1:
        sample["details"] = {
            "evaluation": {"valid": rates, "test": rates},
            "checkpoint": {"write_seconds": 0.1, "read_seconds": 0.1, "bytes": 10**7},
            "loop": {"updates": 20, "seconds": 2.0, "learner_seconds": 1.99},
            "trace": {"operations": OPERATIONS, "step_seconds": 0.1, "path": "oneDNN LSTM"},
            "bandwidth": {"bytes": 3 * 2**28, "seconds": 0.05},
        }
    for path, value in changes.items():
        change(sample, path.split("__"), value)
    return sample

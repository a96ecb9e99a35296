"""Measure one case in one process: each phase by itself, then blocks of training steps in steady state.

``measure`` starts several such processes and interleaves them.  A single process serves for a first look and for
``calibrate``; it also records the load of the machine from its start to its end (``whole_load``).  Nothing is judged
here: block times and counters are recorded unchanged.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lstmbench.models import cost
from lstmbench.system import hardware
from lstmbench.system.cores import granted_share
from lstmbench.system.device import split_device
from lstmbench.timing import blocks
from lstmbench.timing.details import bandwidth, checkpoint, evaluation, loop_share, trace
from lstmbench.timing.interleaving import More
from lstmbench.timing.products import GemmBenchmark
from lstmbench.training.session import RunRequest, open_session
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import UsageError
from lstmbench.utils.files import hash_arrays


def measure_process(request: RunRequest, more: More, details: Sequence[str]) -> dict[str, Any]:
    """Measure a case and return one sample of a measurement (``sample`` in measurement.schema.json).

    The step's matrix products are timed in the same process, after each block, so that a speed and its limit are
    measured under the same conditions.  ``more`` decides when to time the next block.  ``details`` (``DETAILS``) names
    what this process measures in addition.

    Raises:
        UsageError: the device has several workers; also as for ``session.open_session``.
        DataError: as for ``session.open_session``.
        MachineError: a step did not run the ``EXPECTED_KERNELS``; also as for ``open_session``.
    """
    where = split_device(request.device)
    if where.workers > 1:
        raise UsageError(f"device {request.device}: one process is measured, and so one worker; choose {where.kind}")
    granted = granted_share(request.threads)
    session = open_session(request)
    watch = Stopwatch()
    steps = blocks.StepRunner(session)
    place_seconds = watch.seconds()
    first_step_seconds = steps.timed(1)
    warm_up = blocks.warm_up(steps)
    memory = {
        "peak_rss_bytes": hardware.peak_rss_bytes(),
        "peak_device_bytes": session.learner.peak_device_bytes(),
        "least_bytes": cost.minimum_memory_bytes(session.spec, session.preset.batch_size, session.preset.num_steps),
    }
    products = GemmBenchmark(session, request.implementation, where.kind, where.precision)
    steady, meanwhile = blocks.steady(steps, warm_up, products, more)
    meanwhile = dataclasses.replace(meanwhile, granted_share=granted)
    step_seconds = statistics.median(block["seconds"] / block["steps"] for block in steady)
    sample: dict[str, Any] = {
        "implementation": request.implementation,
        "versions": {"numpy": np.__version__, **session.framework.versions()},
        "initial_weights_sha256": hash_arrays(session.weights),
        "data_sha256": session.dataset.sha256,
        "unit": session.task.UNIT,
        "predictions_per_step": steps.predictions,
        "phases": {
            "import_seconds": session.import_seconds,
            "build_seconds": session.build_seconds,
            "place_seconds": place_seconds,
            "first_step_seconds": first_step_seconds,
            "warm_up_seconds": sum(warm_up),
            "steady_seconds": sum(block["seconds"] for block in steady),
        },
        "fastest_step_seconds": min(warm_up),
        "blocks": steady,
        "steady_steps": sum(block["steps"] for block in steady),
        "load": dataclasses.asdict(meanwhile),
        "memory": memory,
        "products": products.timed(),
    }
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "evaluation": lambda: evaluation(session),
        "checkpoint": lambda: checkpoint(session.learner),
        "loop": lambda: loop_share(session, request.seed, step_seconds),
        "trace": lambda: trace(session, steps, request.implementation, request.device),
        "bandwidth": lambda: bandwidth(request.implementation, where.kind),
    }
    if details:
        sample["details"] = {name: measures[name]() for name in details}
    return sample

"""Measure one case in one process: each phase by itself, then blocks of training steps in steady state.

``measure`` starts several such processes and interleaves them.  A single process serves for a first look and for
``calibrate``; it also records the load of the machine from its start to its end (``whole_load``).  Nothing is judged
here: block times and counters are recorded unchanged.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from lstmbench.models import cost
from lstmbench.records.measurement_record import Phases, ProcessMemory, ProcessReport
from lstmbench.system import hardware
from lstmbench.system.cores import granted_share
from lstmbench.system.device import split_device
from lstmbench.timing import blocks
from lstmbench.timing.details import measure_details
from lstmbench.timing.interleaving import More
from lstmbench.timing.products import GemmBenchmark
from lstmbench.training.session import RunRequest, Session, opened_session
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import UsageError
from lstmbench.utils.files import hash_arrays


def measure_process(request: RunRequest, more: More, details: Sequence[str]) -> ProcessReport:
    """Measure a case and return what this process reports of it, without its ``whole_load``.

    The step's matrix products are timed in the same process, after each block, so that a speed and its limit are
    measured under the same conditions.  ``more`` decides when to time the next block.  ``details`` (``DETAILS``) names
    what this process measures in addition.

    Raises:
        UsageError: the device has several workers; also as for ``session.opened_session``.
        DataError: as for ``session.opened_session``.
        MachineError: a step did not run the ``EXPECTED_KERNELS``; also as for ``opened_session``.
        ResourceError: memory ran out.
    """
    where = split_device(request.device)
    if where.workers > 1:
        raise UsageError(f"device {request.device}: one process is measured, and so one worker; choose {where.kind}")
    granted = granted_share(request.threads)
    machine = hardware.describe()  # before a framework adds switches of its own
    with opened_session(request) as session:
        watch = Stopwatch()
        steps = blocks.StepRunner(session)
        place_seconds = watch.seconds()
        first_step_seconds = steps.timed(1)
        warm_up = blocks.warm_up(steps)
        memory = _memory(session)
        products = GemmBenchmark(session, request.implementation, where.kind, where.precision)
        steady, meanwhile = blocks.steady(steps, warm_up, products, more)
        step_seconds = statistics.median(block.step_seconds for block in steady)
        return ProcessReport(
            implementation=request.implementation,
            versions={"numpy": np.__version__, **session.framework.versions()},
            initial_weights_sha256=hash_arrays(session.weights),
            data_sha256=session.dataset.sha256,
            unit=session.unit,
            predictions_per_step=steps.predictions,
            phases=Phases(
                import_seconds=session.import_seconds,
                build_seconds=session.build_seconds,
                place_seconds=place_seconds,
                first_step_seconds=first_step_seconds,
                warm_up_seconds=sum(warm_up),
                steady_seconds=sum(block.seconds for block in steady),
            ),
            fastest_step_seconds=min(warm_up),
            blocks=steady,
            steady_steps=sum(block.steps for block in steady),
            load=replace(meanwhile, granted_share=granted),
            memory=memory,
            products=products.timed(),
            details=measure_details(session, steps, details, request, step_seconds),
            machine=session.described(machine),
        )


def _memory(session: Session) -> ProcessMemory:
    preset = session.preset
    return ProcessMemory(
        peak_rss_bytes=hardware.peak_rss_bytes(),
        peak_device_bytes=session.learner.peak_device_bytes(),
        least_bytes=cost.minimum_memory_bytes(session.spec, preset.batch_size, preset.num_steps),
    )

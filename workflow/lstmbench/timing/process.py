"""Measure one cell in one process: its phases apart, then blocks of training steps in steady state.

``measure`` starts several such processes and lets them take turns (``interleaving``).  Alone one serves for a first
look and for ``calibrate``, and says what the machine did from its start to its end (``whole_load``).  Nothing is judged
here: block times and counters are written as they came.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lstmbench.models import cost
from lstmbench.models.learner import Learner
from lstmbench.records.format import BLOCK_SECONDS, SHORTEST_BLOCK_SECONDS
from lstmbench.records.interference import Load
from lstmbench.system import hardware
from lstmbench.system.cores import Limits, granted_share
from lstmbench.system.device import split_device
from lstmbench.tasks import predictions
from lstmbench.timing import kernels, probes
from lstmbench.timing.counters import Counters, Span, load
from lstmbench.timing.interleaving import More
from lstmbench.training import loop
from lstmbench.training.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.training.session import Cell, open_cell
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import UsageError
from lstmbench.utils.files import hash_arrays
from lstmbench.utils.progress import Progress

LONG_STEP_SECONDS = 1.0
"""A step of this length or more gets no untimed steps before its block."""

BLOCKS = 10

LEAD_IN = 0.1
"""Before a block but the first, untimed: so much of one, since the process before left the caches full of its own."""

AS_FAST_AGAIN = 1.1
"""Before its first block a process trains untimed until one takes at most so many times what it did before a wait."""

RECOVERY_SECONDS = 5.0
"""It does so no longer than this: a machine that became slower is measured as it is."""

WARM_UP_SECONDS = 0.5
"""A warm-up takes so long, and one step at least."""

PRODUCT_SECONDS = 0.01
"""A matrix product alone: at least so many seconds of it, once per turn."""

CLEARLY_SLOWER = 1.5
"""A way to multiply that takes so many times as long as another, at its first turn, is not timed again."""

DETAILS = ("evaluation", "checkpoint", "loop", "trace", "bandwidth")
"""Evaluation by both protocols, writing and reading a checkpoint, the training loop's share, one step's operations, the
bandwidth of the device's memory."""

EVALUATION_SECONDS = 0.5
EVALUATION_BLOCKS = 5
LOOP_SECONDS = 1.0

BANDWIDTH_ELEMENTS = 2**26
"""256 MiB of float32: more than the caches of any present CPU or GPU hold."""

BANDWIDTH_TURNS = 2
"""The least of so many: what the memory can do."""


def measure_sample(
    *,
    data: Path,
    preset_file: Path,
    weights_file: Path,
    implementation: str,
    device: str,
    threads: int,
    seed: int,
    more: More,
    details: Sequence[str],
) -> dict[str, Any]:
    """One process's share of a measurement, as JSON; the keys are those of ``sample`` in measurement.schema.json.

    The step's matrix products are timed alone in the same process and after each block, so that a speed and its limit
    share their circumstances.  ``more`` says when to time the next.  ``details`` names what need not be measured in
    every process (``DETAILS``).

    Raises:
        UsageError, DataError, MachineError: see ``session.open_cell``; UsageError too if several workers are asked for;
            MachineError too if the implementation did not take the path it states in ``PATHS``.
    """
    where = split_device(device)
    if where.workers > 1:
        raise UsageError(f"device {device}: one process is measured, and so one worker; choose {where.kind}")
    granted = granted_share(threads)
    cell = open_cell(
        data=data,
        preset_file=preset_file,
        weights_file=weights_file,
        implementation=implementation,
        device=device,
        threads=threads,
        seed=seed,
    )
    watch = Stopwatch()
    steps = _Steps(cell)
    place_seconds = watch.seconds()
    first_step_seconds = steps.timed(1)
    warm_up = _warm_up(steps)
    memory = {
        "peak_rss_bytes": hardware.peak_rss_bytes(),
        "peak_device_bytes": cell.learner.peak_device_bytes(),
        "least_bytes": cost.least_memory(cell.spec, cell.preset.batch_size, cell.preset.num_steps),
    }
    products = _Products(cell, implementation, where.kind, where.precision)
    steady, meanwhile = _steady(steps, warm_up, products, more)
    meanwhile = dataclasses.replace(meanwhile, granted_share=granted)
    step_seconds = statistics.median(block["seconds"] / block["steps"] for block in steady)
    sample: dict[str, Any] = {
        "implementation": implementation,
        "versions": {"numpy": np.__version__, **cell.framework.versions()},
        "initial_weights_sha256": hash_arrays(cell.weights),
        "data_sha256": cell.dataset.sha256,
        "unit": cell.task.UNIT,
        "predictions_per_step": steps.predictions,
        "phases": {
            "import_seconds": cell.import_seconds,
            "build_seconds": cell.build_seconds,
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
        "evaluation": lambda: _evaluation(cell),
        "checkpoint": lambda: _checkpoint(cell.learner),
        "loop": lambda: _loop_share(cell, seed, step_seconds),
        "trace": lambda: _trace(cell, steps, implementation, device),
        "bandwidth": lambda: _bandwidth(implementation, where.kind),
    }
    if details:
        sample["details"] = {name: measures[name]() for name in details}
    return sample


class _Steps:
    """Training steps in the order of the first epoch, as many as are asked for; after its end from its start."""

    def __init__(self, cell: Cell) -> None:
        self.learner = cell.learner
        examples = cell.task.training_examples(cell.dataset.arrays, cell.preset)
        self.predictions = cell.preset.batch_size * predictions(examples)
        self._data = cell.learner.place(examples)
        self._state = cell.learner.initial_state(cell.preset.batch_size)
        self._learning_rate = cell.preset.learning_rate_at(1)
        self._order = cell.task.training_order(len(examples.inputs), cell.preset, 1, 1)
        self._done = 0
        cell.learner.synchronize()

    def run(self, count: int) -> None:
        """Train ``count`` steps and wait for the device."""
        batches = self._order[np.arange(self._done, self._done + count) % len(self._order)]
        _, self._state = self.learner.train_block(self._data, batches, self._state, self._learning_rate)
        self.learner.synchronize()
        self._done += count

    def timed(self, count: int) -> float:
        """Seconds that ``run(count)`` takes."""
        watch = Stopwatch()
        self.run(count)
        return watch.seconds()


def _warm_up(steps: _Steps) -> list[float]:
    """Seconds of each step after the first, until the warm-up is over."""
    seconds: list[float] = []
    while sum(seconds) < WARM_UP_SECONDS:
        seconds.append(steps.timed(1))
    return seconds


def _repetitions(timed: Callable[[int], float], least: float, once: float) -> tuple[int, float]:
    """Return how many repetitions take ``least`` seconds, and the seconds that they took.

    ``timed(count)``: seconds of ``count`` repetitions.  ``once``: seconds of one, timed before.  Two timed calls
    have to take ``least``, so that one slow call does not make the number small.
    """
    count = max(1, math.ceil(least / once))
    before = once if count == 1 else 0.0
    while True:
        seconds = timed(count)
        if seconds >= least:
            seconds = min(seconds, before if before >= least else timed(count))
        if seconds >= least:
            return count, seconds
        # One alone also pays for the call, so the first number is often a little too small.
        count, before = max(count + 1, math.ceil(count * least / seconds)), 0.0


def _steady(
    steps: _Steps, warm_up: Sequence[float], products: _Products, more: More
) -> tuple[list[dict[str, Any]], Load]:
    """Return the timed blocks, a turn each, and what the machine did meanwhile.

    ``warm_up``: seconds of single steps.
    """
    # These blocks are not counted: nothing below is traced or allocated for the first time, and the products have
    # taken memory that a step had freed.
    length, block_seconds = _repetitions(steps.timed, BLOCK_SECONDS, min(warm_up))
    is_long = block_seconds / length >= LONG_STEP_SECONDS
    result: list[dict[str, Any]] = []
    spans: list[Span] = []
    seconds, limits_met = 0.0, Limits()
    while more(seconds):
        if not result:
            _recover(steps, length, block_seconds)
        elif not is_long:
            steps.run(math.ceil(LEAD_IN * length))
        before = Counters()
        count, seconds = 0, 0.0
        # More than once only if the machine was slow whenever a length was timed, and is fast now.
        while seconds < SHORTEST_BLOCK_SECONDS:
            seconds += steps.timed(length)
            count += length
        spans.append(before.span())
        result.append({"steps": count, "seconds": seconds})
        if count > length:
            length = math.ceil(count * BLOCK_SECONDS / seconds)
        products.turn()
    return result, load(spans, limits_met.reachable_cores())


def _recover(steps: _Steps, length: int, block_seconds: float) -> None:
    """Train blocks untimed until one is as fast as ``block_seconds``, what it took before the wait for the first turn.

    That wait, for all other processes to be ready, takes a minute at times, in which a machine may take back memory
    that lies idle: the steps that get it again were seen to take twice the time for more than a second.
    """
    watch = Stopwatch()
    while steps.timed(length) > AS_FAST_AGAIN * block_seconds and watch.seconds() < RECOVERY_SECONDS:
        pass


def _probe(implementation: str) -> ModuleType | None:
    """The probe of the implementation's framework, if it has one."""
    try:
        return probes.load(implementation)
    except ModuleNotFoundError:
        return None


class _Products:
    """Each of the step's matrix products alone, in each of the framework's ways; none where it has no probe."""

    def __init__(self, cell: Cell, implementation: str, device: str, dtype: str) -> None:
        probe = _probe(implementation)
        self._ways: list[tuple[cost.Product, list[_Alone]]] = []
        for product in cost.products(cell.spec, cell.preset.batch_size, cell.preset.num_steps) if probe else ():
            shared = product.count > 1  # by the steps of a recurrence, which all multiply by the same weights
            ways = probe.gemms(product.left, product.right, product.transposed, shared, device, dtype)
            alone = [_Alone(work) for work in ways]
            fastest = min(way.first for way in alone)
            self._ways.append((product, [way for way in alone if way.first <= CLEARLY_SLOWER * fastest]))

    def turn(self) -> None:
        """Time each once."""
        for _, ways in self._ways:
            for way in ways:
                way.turn()

    def timed(self) -> list[dict[str, Any]]:
        """The products, with the mean seconds of one call over the turns, in the way that is the fastest by it."""
        return [
            {
                **dataclasses.asdict(product),
                "flops": product.flops,
                "seconds": min(statistics.fmean(way.seconds) for way in ways),
            }
            for product, ways in self._ways
        ]


class _Alone:
    """Work that is timed alone, turn by turn."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self.seconds: list[float] = []  # of one call, a value per turn
        self._work, self._calls = work, 1
        work(1)  # may trace and compile
        for _ in range(2):
            self.turn()
        self.first = min(self.seconds)  # not of a moment in which the machine was slow
        self.seconds.clear()

    def turn(self) -> None:
        """Time as many calls as take PRODUCT_SECONDS."""
        while True:
            watch = Stopwatch()
            self._work(self._calls)
            seconds = watch.seconds()
            if seconds >= PRODUCT_SECONDS:
                self.seconds.append(seconds / self._calls)
                return
            self._calls = math.ceil(1.1 * self._calls * PRODUCT_SECONDS / seconds)


def _evaluation(cell: Cell) -> dict[str, Any]:
    """Return predictions per second by the validation's and the test's protocol, after a first batch of each."""
    return {split: _evaluated(cell, split) for split in ("valid", "test")}


def _evaluated(cell: Cell, split: str) -> dict[str, float]:
    part = cell.task.evaluation_parts(cell.dataset.arrays, split, cell.preset, None)[0]
    handle, state = cell.learner.place(part.examples), cell.learner.initial_state(part.batches.shape[1])
    done, fastest = 0, math.inf

    def timed(count: int) -> float:
        """Return the seconds of the next ``count`` batches."""
        nonlocal state, done, fastest
        block = part.batches[np.arange(done, done + count) % len(part.batches)]
        done += count
        watch = Stopwatch()
        _, _, state = cell.learner.eval_block(handle, block, state)
        seconds = watch.seconds()
        fastest = min(fastest, seconds / count)
        return seconds

    first_seconds = timed(1)
    per_batch = part.batches.shape[1] * predictions(part.examples)
    rate = _median_rate(timed) * per_batch
    return {"first_seconds": first_seconds, "predictions_per_second": rate, "fastest_per_second": per_batch / fastest}


def _median_rate(timed: Callable[[int], float]) -> float:
    """Return repetitions per second: the median of EVALUATION_BLOCKS blocks that take EVALUATION_SECONDS together."""
    once = min(timed(1) for _ in range(EVALUATION_BLOCKS))
    count, _ = _repetitions(timed, EVALUATION_SECONDS / EVALUATION_BLOCKS, once)
    return count / statistics.median(timed(count) for _ in range(EVALUATION_BLOCKS))


def _checkpoint(learner: Learner) -> dict[str, Any]:
    """Seconds and bytes of one checkpoint, written and read."""
    arrays = {f"weights/{name}": value for name, value in learner.weights().items()}
    arrays |= {f"training/{name}": value for name, value in learner.training_state().items()}
    with tempfile.TemporaryDirectory() as name:
        folder = CheckpointFolder(Path(name), {})
        watch = Stopwatch()
        folder.save(Checkpoint(arrays, {"updates": 0}))
        write_seconds = watch.seconds()
        watch = Stopwatch()
        folder.newest(print)
        read_seconds = watch.seconds()
        size = sum(kernels.stat().st_size for kernels in Path(name).iterdir())
    return {"write_seconds": write_seconds, "read_seconds": read_seconds, "bytes": size}


class _Timed:
    """A learner that counts the seconds spent inside it."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.learner, name)

        def timed(*arguments: Any) -> Any:
            watch = Stopwatch()
            try:
                return method(*arguments)
            finally:
                self.seconds += watch.seconds()

        return timed


def _loop_share(cell: Cell, seed: int, step_seconds: float) -> dict[str, Any]:
    """Seconds of one short epoch by the training loop, and those of it that the learner took."""
    updates = max(1, round(LOOP_SECONDS / step_seconds))
    timed = _Timed(cell.learner)
    caps = loop.Caps(max_updates=updates, max_eval_predictions=1)
    epoch = loop.Run(timed, cell.task, cell.dataset, cell.preset, caps, seed)
    progress = Progress(updates, 0, "loop")
    timed.seconds = 0.0
    watch = Stopwatch()
    epoch.epoch(loop.Progressed(), progress)
    seconds = watch.seconds()
    progress.close()
    return {"updates": updates, "seconds": seconds, "learner_seconds": timed.seconds}


def _trace(cell: Cell, steps: _Steps, implementation: str, device: str) -> dict[str, Any]:
    """Return the operations of one traced step, the share of it that they cover, and the path that a step takes."""
    probe = _probe(implementation)
    if probe is None:
        return {"operations": [], "step_seconds": None, "path": None, "coverage": None}
    stated = cell.framework.PATHS[split_device(device).kind]
    steps.run(1)
    seconds: list[float] = []
    operations = probe.trace(lambda: seconds.append(steps.timed(1)))
    # Last: TensorFlow has to make its graph ready anew, and takes all of it for expensive for some steps.
    executed = probe.executed(lambda: steps.run(1))
    traced = {probes.label(one.part, one.direction, one.name) for one in operations}
    return {
        "operations": [dataclasses.asdict(operation) for operation in operations],
        "step_seconds": seconds[-1],
        "path": kernels.proved(implementation, device, stated, executed, traced),
        "coverage": sum(operation.seconds for operation in operations) / seconds[-1],
    }


def _bandwidth(implementation: str, device: str) -> dict[str, Any] | None:
    """Bytes that one addition of two large arrays moves to and from the device's memory, and its seconds."""
    probe = _probe(implementation)
    if probe is None:
        return None
    addition = _Alone(probe.addition(BANDWIDTH_ELEMENTS, device))
    for _ in range(BANDWIDTH_TURNS):
        addition.turn()
    return {"bytes": 3 * 4 * BANDWIDTH_ELEMENTS, "seconds": min(addition.seconds)}

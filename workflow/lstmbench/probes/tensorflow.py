"""TensorFlow's matrix products alone, and the operations of a step by TensorFlow's own profiler.

An operation's name tells what it belongs to: the name scopes of an adapter (``recurrent/backward``), Keras's layers and
the tape's ``gradient_tape``.  Two executor threads may work at once, so that operations can add up to more than the
step takes; and what XLA has compiled is one call that the profiler does not open.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from lstmbench.probes import Operation

OWNERS = [
    (re.compile(r"(embedding|recurrent|output)/(forward|backward)"), None),
    (re.compile(r"(^|/)clip/"), ("clip", "")),
    (re.compile(r"(^|/)update/|SGD|sgd|Adam|adam|AssignSub|AssignAdd|ScatterSub|ScatterAdd"), ("update", "")),
    (re.compile(r"gradient_tape/.*lstm|lstm.*/gradients"), ("recurrent", "backward")),
    (re.compile(r"gradient_tape/.*embedding"), ("embedding", "backward")),
    (re.compile(r"gradient_tape/.*(dense|SoftmaxCrossEntropy)"), ("output", "backward")),
    (re.compile(r"lstm"), ("recurrent", "forward")),
    (re.compile(r"embedding"), ("embedding", "forward")),
    (re.compile(r"dense|SoftmaxCrossEntropy"), ("output", "forward")),
]
"""Part of a name -> (part, direction), the first that fits; None: as the name says."""

DEVICE_PLANE, HOST_PLANE = "/device:GPU:0", "/host:CPU"


def gemm(
    left: tuple[int, int], right: tuple[int, int], transposed: str, device: str, dtype: str
) -> Callable[[int], None]:
    """See ``probes``."""
    kind = tf.bfloat16 if dtype == "bfloat16" else tf.float32
    place = "/GPU:0" if device == "gpu" else "/CPU:0"
    with tf.device(place):
        first = tf.Variable(tf.cast(tf.random.normal(left[::-1] if transposed == "left" else left), kind))
        second = tf.Variable(tf.cast(tf.random.normal(right[::-1] if transposed == "right" else right), kind))

    @tf.function
    def repeated(times: tf.Tensor) -> tf.Tensor:
        result = tf.zeros([left[0], right[1]], kind)
        for _ in tf.range(times):
            # Variables are read anew each time, so that the optimiser cannot take the product out of the loop.
            result = tf.linalg.matmul(
                first.read_value(),
                second.read_value(),
                transpose_a=transposed == "left",
                transpose_b=transposed == "right",
            )
        return result[0, 0]

    def work(times: int) -> None:
        with tf.device(place):
            repeated(tf.constant(times)).numpy()  # waits for the device

    return work


def trace(work: Callable[[], None]) -> list[Operation]:
    """See ``probes``; on a GPU the seconds are those of its kernels, else those of the executor's threads."""
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            work()
        finally:
            tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        planes = {plane.name: plane for plane in xplane_pb2.XSpace.FromString(file.read_bytes()).planes}
    seconds: dict[tuple[str, str, str], float] = {}
    for name, own in _own_seconds(planes.get(DEVICE_PLANE) or planes[HOST_PLANE]):
        key = (name.rpartition(":")[2] or name, *_owner(name))
        seconds[key] = seconds.get(key, 0.0) + own
    return [Operation(*key, seconds=value) for key, value in seconds.items()]


def _own_seconds(plane: Any) -> Iterator[tuple[str, float]]:
    """Operations (named ``path/of/the/node:Type``) and their seconds without those of operations within them."""
    for line in plane.lines:
        open_events: list[list[Any]] = []  # end, name, own picoseconds; innermost last
        for event in sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps)):
            while open_events and open_events[-1][0] <= event.offset_ps:
                yield from _closed(open_events.pop())
            if open_events:
                open_events[-1][2] -= event.duration_ps
            name = plane.event_metadata[event.metadata_id].name
            open_events.append([event.offset_ps + event.duration_ps, name, event.duration_ps])
        while open_events:
            yield from _closed(open_events.pop())


def _closed(event: list[Any]) -> Iterator[tuple[str, float]]:
    _, name, picoseconds = event
    # Nodes are named path:Type.  Other names are the runtime's scheduling and waiting, and the call into what XLA made.
    if re.search(r"[^:]:[A-Z_]|Executable::", name) and picoseconds > 0:
        yield name, picoseconds / 1e12


def _owner(name: str) -> tuple[str, str]:
    for pattern, owner in OWNERS:
        found = pattern.search(name)
        if found:
            return owner or (found[1], found[2])
    return "other", ""

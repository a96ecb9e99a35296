"""Probe TensorFlow: time its matrix products alone, and list a step's operations with TensorFlow's own profiler.

A trace omits operations that TensorFlow considers cheap.  Each process estimates their cost while it runs, and one slow
call affects the estimate for a long time.  For a small model, some traces show the products of the recurrence and
others do not.  Therefore ``executed`` reads the operations from the graph, and a trace says how much of the step it
covers.

The name of a graph's node says which part an operation belongs to: the name scopes of an adapter
(``recurrent/backward``), Keras's layers and the tape's ``gradient_tape``.  Code that XLA compiled is one node.  The
operations inside it have XLA's names; waiting for the threads that share their work is ``BlockUntilReady``.  Two
executor threads may work at once (``concurrency``).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from lstmbench.records.measurement_record import Operation
from lstmbench.timing.concurrency import Key, shared_seconds
from lstmbench.timing.probes import LOW, Event, label

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
"""Part of a name -> (part, direction); the first match counts.  None: the name itself holds both."""

_TINY = 1e-30

MUST_COMPILE = "_XlaMustCompile"
"""The attribute of a function that was made with ``jit_compile=True``."""

DEVICE_PLANE, HOST_PLANE = "/device:GPU:0", "/host:CPU"


def gemms(
    left: tuple[int, int], right: tuple[int, int], transposed: str, shared: bool, device: str, dtype: str
) -> list[Callable[[int], None]]:
    """See ``probes``; along a recurrence, a copy of transposed weights and XLA by their rows are further ways."""
    kind = tf.bfloat16 if dtype == "bfloat16" else tf.float32
    place = "/GPU:0" if device == "gpu" else "/CPU:0"
    with tf.device(place):
        first = tf.Variable(tf.cast(tf.random.normal(left[::-1] if transposed == "left" else left), kind))
        second = tf.Variable(tf.cast(tf.random.normal(right[::-1] if transposed == "right" else right), kind))

    def in_graph(weights: tf.Variable, transposed_weights: bool) -> Callable[[int], None]:
        @tf.function
        def repeated(times: tf.Tensor) -> tf.Tensor:
            result = tf.zeros([left[0], right[1]], kind)
            for _ in tf.range(times):
                # Variables are read in each iteration, so that the optimiser cannot move the product out of the loop.
                result = tf.linalg.matmul(
                    first.read_value(),
                    weights.read_value(),
                    transpose_a=transposed == "left",
                    transpose_b=transposed_weights,
                )
            return result[0, 0]

        def work(times: int) -> None:
            with tf.device(place):
                repeated(tf.constant(times)).numpy()  # waits for the device

        return work

    ways = [in_graph(second, transposed == "right")]
    if not shared:
        return ways
    with tf.device(place):
        copy = tf.Variable(tf.transpose(second))
    by_rows = second if transposed == "right" else copy
    if transposed == "right":
        ways.append(in_graph(copy, transposed_weights=False))

    @tf.function(jit_compile=True)
    def compiled(times: tf.Tensor) -> tf.Tensor:
        last = tf.zeros([], kind)
        for _ in tf.range(times):
            # Each depends on the one before, as in a recurrence; otherwise XLA would move the product out of the loop.
            state = first.read_value() + last
            product = tf.linalg.matmul(state, by_rows.read_value(), transpose_a=transposed == "left", transpose_b=True)
            last = _TINY * tf.reduce_max(product)
        return last

    def compiled_work(times: int) -> None:
        with tf.device(place):
            compiled(tf.constant(times)).numpy()

    return [*ways, compiled_work]


def addition(elements: int, device: str) -> Callable[[int], None]:
    """See ``probes``."""
    with tf.device("/GPU:0" if device == "gpu" else "/CPU:0"):
        source, target = tf.Variable(tf.ones([elements])), tf.Variable(tf.zeros([elements]))

    @tf.function
    def repeated(times: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(times):
            target.assign_add(source)
        return target[0]

    def work(times: int) -> None:
        repeated(tf.constant(times)).numpy()  # waits for the device

    return work


def trace(work: Callable[[], None]) -> list[Operation]:
    """See ``probes``; on a GPU the seconds are those of its kernels, else those of the executor's threads."""
    planes = _profiled(work)
    plane = planes.get(DEVICE_PLANE) or planes[HOST_PLANE]
    seconds = shared_seconds(stretch for line in plane.lines for stretch in _stretches(plane, line))
    return [Operation(*key, seconds=value) for key, value in seconds.items()]


def timeline(work: Callable[[], None]) -> list[Event]:
    """See ``probes``; an operation that others interrupt, which lie within it, is several events."""
    planes = _profiled(work)
    return [
        Event(name, part, direction, f"{kind} {line.id}", start // 1000, (end - start) // 1000)
        for plane, kind in ((HOST_PLANE, "CPU thread"), (DEVICE_PLANE, "GPU stream"))
        if plane in planes
        for line in planes[plane].lines
        for start, end, (name, part, direction) in _stretches(planes[plane], line)
    ]


def _profiled(work: Callable[[], None]) -> dict[str, Any]:
    """Return what TensorFlow's profiler recorded of one call of ``work``, by the names of its planes."""
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            work()
        finally:
            tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        return {plane.name: plane for plane in xplane_pb2.XSpace.FromString(file.read_bytes()).planes}


def executed(work: Callable[[], None]) -> set[str]:
    """See ``probes``: the nodes of the graphs that TensorFlow's executors are given, after all of its optimisations.

    A call that XLA must compile, or into which XLA has moved a part of the graph, is labelled XLA.  TensorFlow compiles
    it or fails.
    """
    runtime = context.context()
    runtime.clear_kernel_cache()  # TensorFlow shows a graph only when it prepares it to run
    runtime.enable_graph_collection()
    try:
        work()
        graphs = runtime.export_run_metadata().partition_graphs
    finally:
        runtime.disable_graph_collection()
    return {label(*_owner(node.name), _kind(node), _type(node)) for graph in graphs for node in graph.node}


def _kind(node: Any) -> str:
    compiled = MUST_COMPILE in node.attr and node.attr[MUST_COMPILE].b
    return "XLA" if compiled or node.op.lstrip("_").startswith("Xla") else node.op


def _type(node: Any) -> str:
    return LOW if node.attr["T"].type == tf.bfloat16.as_datatype_enum else ""


def _stretches(plane: Any, line: Any) -> Iterator[tuple[int, int, Key]]:
    """Yield start, end (picoseconds) and the innermost operation of a line: a thread or a stream."""
    open_events: list[tuple[int, str, str]] = []  # end, node, name; innermost last
    now = 0
    # The end of the line closes all open events.
    for start, event in [*sorted(_timed(line), key=lambda timed: (timed[0], -timed[1].duration_ps)), (None, None)]:
        while open_events and (start is None or open_events[-1][0] <= start):
            end, node, name = open_events.pop()
            if node and end > now:
                yield now, end, (name, *_owner(node))
            now = max(now, end)
        if event is None:
            break
        if open_events and open_events[-1][1] and start > now:
            _, node, name = open_events[-1]
            yield now, start, (name, *_owner(node))
        node, name = _node_and_name(plane, event)
        if not node and open_events:
            _, node, outer = open_events[-1]
            # Parts of a node keep their own names only inside code that XLA compiled, which is a runtime call.
            name = name if "::" in outer else outer
        open_events.append((start + event.duration_ps, node, name))
        now = start


def _timed(line: Any) -> Iterator[tuple[int, Any]]:
    return ((line.timestamp_ns * 1000 + event.offset_ps, event) for event in line.events)


def _node_and_name(plane: Any, event: Any) -> tuple[str, str]:
    """Return the graph's node that an event begins, or "", and the name of the operation.

    Most nodes are events named ``path:Type``.  A node that ends on another thread, such as code that XLA compiled, is a
    scheduling event whose statistic ``name`` holds the path.  A GPU kernel has the path in ``tf_op``.
    """
    name = plane.event_metadata[event.metadata_id].name
    if found := re.fullmatch(r"(.*[^:]):(\w+)", name):
        return found[1], found[2]
    for statistic in event.stats:
        if plane.stat_metadata[statistic.metadata_id].name in ("name", "tf_op"):
            return statistic.str_value or plane.stat_metadata[statistic.ref_value].name, name
    return "", name


def _owner(name: str) -> tuple[str, str]:
    for pattern, owner in OWNERS:
        found = pattern.search(name)
        if found:
            return owner or (found[1], found[2])
    return "other", ""

"""Probe PyTorch: time its matrix products alone, and list a step's operations with ``torch.profiler``.

The nearest enclosing scope says which part an operation belongs to: a ``record_function`` of an adapter
(``recurrent/backward``), or else the autograd node or the operation itself (``AddmmBackward0``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from lstmbench.implementations import _pytorch_accelerator as accelerator
from lstmbench.implementations.pytorch import Model
from lstmbench.models.cost import Direction, Part
from lstmbench.records.measurement_record import Operation
from lstmbench.timing.probes import LOW, Event, label

Owner = tuple[Part, Direction | Literal[""]]

SCOPES: dict[str, Owner] = {
    f"{part}/{direction}": (part, direction) for part in get_args(Part) for direction in get_args(Direction)
}
"""Names of our own scopes -> (part, direction)."""

OWNERS: list[tuple[re.Pattern[str], Owner]] = [
    (re.compile(r"EmbeddingBackward|embedding_dense_backward"), ("embedding", "backward")),
    (re.compile(r"aten::embedding"), ("embedding", "forward")),
    (re.compile(r"Rnn\w*Backward|_backward_input|rnn_layer_backward"), ("recurrent", "backward")),
    (re.compile(r"aten::lstm"), ("recurrent", "forward")),
    (re.compile(r"(Addmm|LogSoftmax|NllLoss|View|T|Transpose)\w*Backward"), ("output", "backward")),
    (re.compile(r"aten::(linear|cross_entropy_loss)"), ("output", "forward")),
    (re.compile(r"^clip$|clip_grad_norm"), ("clip", "")),
    (re.compile(r"^update$|Optimizer\."), ("update", "")),
]
"""Names of scopes and operations -> (part, direction).  The first match counts, from the operation outwards."""


def gemms(
    left: tuple[int, int], right: tuple[int, int], transposed: str, shared: bool, device: str, dtype: str
) -> list[Callable[[int], None]]:
    """See ``probes``; on a CPU by ``torch.mm``, and by oneDNN, whose LSTM packs the weights once for all time steps."""
    where = _place(device)
    Model.set_precision(dtype)
    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32

    def operand(shape: tuple[int, int], lies_transposed: bool) -> torch.Tensor:
        rows, columns = shape
        matrix = torch.randn(columns, rows) if lies_transposed else torch.randn(rows, columns)
        return (matrix.t() if lies_transposed else matrix).to(where, kind)

    first, second = operand(left, transposed == "left"), operand(right, transposed == "right")
    result = first @ second

    def product(times: int) -> None:
        for _ in range(times):
            torch.mm(first, second, out=result)
        accelerator.synchronize(result.device)

    if where != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # PyTorch has no type for it
        return [product]
    weight = second.t()
    if shared:
        weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), left[0])

    def product_by_onednn(times: int) -> None:
        for _ in range(times):
            torch.ops.mkldnn._linear_pointwise(first, weight, None, "none", [], "")

    return [product, product_by_onednn]


def addition(elements: int, device: str) -> Callable[[int], None]:
    """See ``probes``."""
    source = torch.ones(elements, device=_place(device))
    target = torch.zeros_like(source)

    def work(times: int) -> None:
        for _ in range(times):
            target.add_(source)
        accelerator.synchronize(source.device)

    return work


def trace(work: Callable[[], None]) -> list[Operation]:
    """See ``probes``; on a GPU the seconds are those of its kernels, else those of the thread that called.

    Where the profiler does not show a GPU's kernels, there are no operations: a thread's calls take other times.
    """
    if accelerator.hides_kernels():
        work()
        return []
    on_gpu = _on_gpu()
    seconds: dict[tuple[str, Part, Direction | Literal[""]], float] = {}
    for event in _profiled(work):
        own = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        if own > 0:
            key = (event.name, *_owner(event))
            seconds[key] = seconds.get(key, 0.0) + own / 1e6  # from microseconds
    return [Operation(*key, seconds=value) for key, value in seconds.items()]


def executed(work: Callable[[], None]) -> set[str]:
    """See ``probes``: PyTorch calls its profiler at every operation, however short."""
    return {label(*_owner(event), event.name, _types(event)) for event in _profiled(work)}


def _types(event: FunctionEvent) -> str:
    # PyTorch 2.11 does not show types.
    return LOW if any(LOW in kind.lower() for kind in getattr(event, "input_dtypes", ())) else ""


def timeline(work: Callable[[], None]) -> list[Event]:
    """See ``probes``; a kernel of a GPU has the part of the operation that launched it."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if _on_gpu() else [])]
    with profile(activities=activities) as profiler:
        work()
    cpu = torch.autograd.DeviceType.CPU
    owners = {event.id: _owner(event) for event in profiler.events() if event.device_type == cpu}
    found = []
    for event in profiler.profiler.kineto_results.events():
        on_cpu = event.device_type() == cpu
        # A launch and its kernel share an id; the operation that launched is linked to.
        number = event.correlation_id() if on_cpu else event.linked_correlation_id()
        lane = f"CPU thread {event.start_thread_id()}" if on_cpu else f"GPU stream {event.device_resource_id()}"
        part, direction = owners.get(number, ("other", ""))
        found.append(Event(event.name(), part, direction, lane, event.start_ns(), event.duration_ns()))
    return found


def _profiled(work: Callable[[], None]) -> list[FunctionEvent]:
    """Return the operations of one call of ``work``; the operation that launched a kernel holds its time."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if _on_gpu() else [])]
    with profile(activities=activities, record_shapes=True) as profiler:
        work()
    cpu = torch.autograd.DeviceType.CPU  # type: ignore[attr-defined]  # PyTorch does not export it by name
    return [event for event in profiler.events() if event.device_type == cpu]


def _place(device: str) -> str:
    return accelerator.BACK_ENDS[accelerator.require("float32")] if device == "gpu" else "cpu"


def _on_gpu() -> bool:
    return torch.cuda.is_available() and torch.cuda.memory_allocated() > 0


def _owner(event: FunctionEvent) -> Owner:
    scope: FunctionEvent | None = event
    while scope is not None:
        if scope.name in SCOPES:
            return SCOPES[scope.name]
        for pattern, owner in OWNERS:
            if pattern.search(scope.name):
                return owner
        scope = scope.cpu_parent
    return "other", ""

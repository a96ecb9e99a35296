"""Probe JAX: time its matrix products alone, and list a step's operations with JAX's own profiler.

XLA names its instructions itself (``dot.5``, ``add_tanh_fusion``).  The program that it compiled says for each where it
comes from, by the name scopes of an adapter, JAX's transformations and the primitive:

    jit(_train_block)/while/body/transpose(jvp(recurrent))/while/body/closed_call/dot_general

``transpose`` marks a backward pass.  A name here is the primitive and XLA's name without its number, with ``while/``
before it inside a loop of its part: ``while/dot_general dot``.

``executed`` discards what was compiled, so that one call compiles again what it executes, and reads these programs.  So
it needs no profiler, which omits instructions of little cost.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from lstmbench.implementations.jax import Model
from lstmbench.records.measurement_record import Operation
from lstmbench.timing.concurrency import Key, shared_seconds
from lstmbench.timing.probes import LOW, Event, label

INSTRUCTION = re.compile(r'^\s*(?:ROOT )?%?([\w.-]+) = .*?\((%[^)]*)\).*?metadata=\{op_name="([^"]*)"', re.MULTILINE)
"""An instruction of a compiled program: its name, its operands, and where it comes from."""

IN_BFLOAT16 = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = bf16\[", re.MULTILINE)
"""The name of an instruction with a result in bfloat16."""

PART = re.compile(r"(transpose\(\S*?)?\b(embedding|recurrent|output|clip|update)\b(/backward)?")

NO_WORK = re.compile(r"^(while|call|conditional|parameter|get-tuple-element|tuple|constant|bitcast)\b")
"""Instructions that only hold others or name values; those that they hold have their own seconds."""

_TINY = 1e-30


def gemms(
    left: tuple[int, int], right: tuple[int, int], transposed: str, shared: bool, device: str, dtype: str
) -> list[Callable[[int], None]]:
    """See ``probes``; along a recurrence the weights are also stored the other way round."""
    ways = [transposed, "" if transposed == "right" else "right"] if shared else [transposed]
    return [_product(left, right, stored, device, dtype) for stored in ways]


def _product(
    left: tuple[int, int], right: tuple[int, int], stored: str, device: str, dtype: str
) -> Callable[[int], None]:
    """Return a function that computes a product many times; ``stored`` names the operand that is stored transposed."""
    kind = jnp.bfloat16 if dtype == "bfloat16" else jnp.float32

    def operand(shape: tuple[int, int], which: str) -> Array:
        drawn = jax.random.normal(jax.random.key(0), shape[::-1] if stored == which else shape, jnp.float32)
        return jax.device_put(drawn.astype(kind), jax.devices(device)[0])

    first, second = operand(left, "left"), operand(right, "right")

    @jax.jit
    def repeated(first: Array, second: Array, times: Array) -> Array:
        def once(_: Array, last: Array) -> Array:
            # Each depends on the one before, as in a recurrence; otherwise XLA would move the product out of the loop.
            changed = lax.dynamic_update_slice(first, last.astype(kind), (0, 0))
            one = changed.T if stored == "left" else changed
            product = Model.multiplied(one, second.T if stored == "right" else second, dtype)
            return product[:1, :1] * _TINY

        return lax.fori_loop(0, times, once, jnp.zeros((1, 1), jnp.float32))

    return lambda times: jax.block_until_ready(repeated(first, second, times))


def addition(elements: int, device: str) -> Callable[[int], None]:
    """See ``probes``."""
    where = jax.devices(device)[0]
    source = jax.device_put(jnp.ones(elements, jnp.float32), where)
    target = jax.device_put(jnp.zeros(elements, jnp.float32), where)

    @jax.jit
    def repeated(source: Array, target: Array, times: Array) -> Array:
        return lax.fori_loop(0, times, lambda _, sum: sum + source, target)

    return lambda times: jax.block_until_ready(repeated(source, target, times))


def trace(work: Callable[[], None]) -> list[Operation]:
    """See ``probes``; ``work`` is called twice, and the second call is traced."""
    seconds = shared_seconds(stretch for _, stretches in _profiled(work) for stretch in stretches)
    return [Operation(*key, seconds=value) for key, value in seconds.items()]


def timeline(work: Callable[[], None]) -> list[Event]:
    """See ``probes``; ``work`` is called twice, and the second call is traced."""
    return [
        Event(name, part, direction, lane, start // 1000, (end - start) // 1000)
        for lane, stretches in _profiled(work)
        for start, end, (name, part, direction) in stretches
    ]


def _profiled(work: Callable[[], None]) -> list[tuple[str, list[tuple[int, int, Key]]]]:
    """Return what each CPU thread, or each stream of a GPU, executed in the second of two calls of ``work``."""
    owners = {instruction: key for instruction, key, _ in _compiled(work)}
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            work()
        (file,) = Path(folder).rglob("*.xplane.pb")
        planes = list(jax.profiler.ProfileData.from_file(str(file)).planes)
        devices = [plane for plane in planes if plane.name.startswith("/device:")]
        kind = "GPU stream" if devices else "CPU thread"
        lines = [line for plane in devices or planes for line in plane.lines]
        return [(f"{kind} {number}", list(_stretches(line, owners))) for number, line in enumerate(lines)]


def executed(work: Callable[[], None]) -> set[str]:
    """See ``probes``: the instructions of the programs that are compiled for one call of ``work``."""
    return {label(part, direction, name, kind) for _, (name, part, direction), kind in _compiled(work)}


def _compiled(work: Callable[[], None]) -> Iterator[tuple[str, Key, str]]:
    """Call ``work``; yield each instruction of the programs that this compiles.

    That is XLA's name of it, whose it is, and ``LOW`` if it has an operand in bfloat16.
    """
    clients = {device.client for device in (jax.devices()[0], jax.devices("cpu")[0])}
    before = [program for client in clients for program in client.live_executables()]
    jax.clear_caches()
    work()
    for client in clients:
        for program in client.live_executables():
            if not any(program is one for one in before):
                for module in program.hlo_modules():
                    yield from _instructions(module.to_string())


def _instructions(program: str) -> Iterator[tuple[str, Key, str]]:
    low = set(IN_BFLOAT16.findall(program))
    for instruction, operands, origin in INSTRUCTION.findall(program):
        kind = LOW if low & set(re.findall(r"[\w.-]+", operands)) else ""
        yield instruction, _owner(instruction, origin), kind


def _owner(instruction: str, origin: str) -> Key:
    """Return name, part and direction of an instruction."""
    found = PART.search(origin)
    within = origin[found.end() :] if found else origin
    primitive = within.rpartition("/")[2]
    loop = "while/" if found and "while/body" in within else ""
    unnumbered = re.sub(r"[.\d]+$", "", instruction)
    name = f"{loop}{primitive} {unnumbered}".strip()
    if not found:
        return name, "other", ""
    transposed, part, backward = found.groups()
    if part in ("clip", "update"):
        return name, part, ""
    return name, part, "backward" if transposed or backward else "forward"


def _stretches(line: Any, owners: dict[str, Key]) -> Iterator[tuple[int, int, Key]]:
    """Yield start, end (picoseconds) and owner of what a thread or stream executes."""
    for event in line.events:
        instruction = dict(event.stats).get("hlo_op")
        if instruction and event.duration_ns > 0 and not NO_WORK.match(instruction):
            start = round(event.start_ns * 1000)
            owner = owners.get(instruction) or _owner(instruction, "")
            yield start, start + round(event.duration_ns * 1000), owner

"""Prove that a training step runs on the kernels that its implementation states; otherwise its speed is mislabelled."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from lstmbench.system.device import split_device
from lstmbench.utils.errors import MachineError

MAX_LISTED = 12
"""Names of operations in a message."""


def stated(paths: Mapping[str, tuple[str, ...]], device: str, way: str) -> tuple[str, ...]:
    """Return the path that ``EXPECTED_KERNELS`` state for a device in its precision and a learner's ``way``."""
    where = split_device(device)
    keys = (f"{place} {way}".rstrip() for place in (f"{where.kind}-{where.precision}", where.kind))
    return next(paths[key] for key in keys if key in paths)


def proved(
    implementation: str, device: str, stated: Sequence[str], executed: Collection[str], traced: Collection[str]
) -> str | None:
    """Return the path that ``stated`` names if the operations prove it, or None if the framework shows none of them.

    stated    ``EXPECTED_KERNELS`` of the implementation: the path in words, then the operations that prove it.
    executed  Labels (``probes.label``) of all operations of a step; empty if the framework does not show them.
    traced    Labels from a trace.  A trace may lack any operation, so it can prove a path but not disprove it.

    Raises:
        MachineError: the framework shows what a step executes, but an operation that proves the path is missing.
    """
    path, *proofs = stated
    seen = {*executed, *traced}
    missing = [proof for proof in proofs if not any(re.search(proof, one) for one in seen)]
    if not missing:
        return path
    if not executed:
        return None
    parts = {proof.partition(" ")[0] for proof in missing}
    instead = sorted(one for one in executed if one.partition(" ")[0] in parts) or sorted(executed)
    more = f" and {len(instead) - MAX_LISTED} more" if len(instead) > MAX_LISTED else ""
    raise MachineError(
        f"{implementation} on {device} did not run as {path}, and its speed would not be what its name says; "
        f"expected operations {', '.join(missing)}; found {', '.join(instead[:MAX_LISTED])}{more}; "
        f"look for a switch of the framework that is set, or install its tested version (envs/)"
    )

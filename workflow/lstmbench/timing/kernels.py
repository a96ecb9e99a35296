"""Prove that a training step takes the path that its implementation states: a speed is worth its name only then."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from lstmbench.utils.errors import MachineError

MAX_LISTED = 12
"""Names of operations in a message."""


def proved(
    implementation: str, device: str, stated: Sequence[str], executed: Collection[str], traced: Collection[str]
) -> str | None:
    """Return the path of ``stated`` (``PATHS`` of an implementation) if the operations prove it, None if none is seen.

    ``executed``: all that a step executes, as ``probes.label`` writes them, or nothing if the framework does not show
    it.  ``traced``: those of a trace, which may lack any of them; it can prove a path, and it cannot disprove one.

    Raises:
        MachineError: the framework shows what a step executes, and an operation that proves the path is not there.
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

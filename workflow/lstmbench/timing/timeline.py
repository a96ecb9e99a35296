"""Record when each operation of a training step runs."""

from __future__ import annotations

from lstmbench.timing import blocks
from lstmbench.timing.probes import Event
from lstmbench.timing.products import probe_of
from lstmbench.training.session import RunRequest, opened_session
from lstmbench.utils.errors import UsageError


def step_timeline(request: RunRequest) -> tuple[list[Event], dict[str, str]]:
    """Return the events of one step, after a warm-up, and the versions of the libraries.

    Raises:
        UsageError: the framework has no profiler to ask; also as for ``session.opened_session``.
        DataError, MachineError, ResourceError: as for ``session.opened_session``.
    """
    with opened_session(request) as session:
        probe = probe_of(request.implementation)
        if probe is None or not hasattr(probe, "timeline"):
            raise UsageError(
                f"{request.implementation}: its framework shows no times of operations; choose another one"
            )
        steps = blocks.StepRunner(session)
        blocks.warm_up(steps)
        return probe.timeline(lambda: steps.run(1)), session.framework.versions()

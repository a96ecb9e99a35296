"""Check that a repeated run and a resumed run end with the same weights, bit for bit."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from lstmbench.gpu_check.jobs import Found
from lstmbench.records.run_record import Caps
from lstmbench.training.checkpoint import CheckpointFolder
from lstmbench.training.loop import Supervision, TrainingLoop, TrainingRequest
from lstmbench.training.session import RunRequest, opened_session
from lstmbench.utils.errors import Interrupted
from lstmbench.utils.files import hash_arrays
from lstmbench.utils.strict_json import read_json

UPDATES = 60
EVALUATED_PREDICTIONS = 2_000

BLOCKS_BEFORE_STOP = 2
"""The loop's first blocks have 1 and 2 updates, so the run stops after 3 updates and most of it is resumed."""


class StopAfter:
    """Stand in for ``Interruption``: ask the loop to stop after ``blocks`` blocks; None: never."""

    def __init__(self, blocks: int | None) -> None:
        self._left = math.inf if blocks is None else blocks

    def check(self) -> None:
        """Count a block.

        Raises:
            Interrupted: the run should stop now.
        """
        self._left -= 1
        if self._left <= 0:
            self._left = math.inf
            raise Interrupted("asked to stop by the check of resuming")


def check_resume(request: RunRequest, updates: int = UPDATES) -> dict[str, object]:
    """Return whether a second run ``repeats`` the first one's weights bit for bit, and whether a resumed one does.

    ``updates``: training steps of each run.
    """
    whole = _train(request, updates, None)
    again = _train(request, updates, None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _train(request, updates, BLOCKS_BEFORE_STOP, Path(folder))
        except Interrupted:
            resumed = _train(request, updates, None, Path(folder))
        else:
            raise AssertionError("the run was to be interrupted and was not")
    return {"updates": updates, "repeats": again == whole, "resumes": resumed == whole}


def read_resume(path: Path) -> Found:
    """Return the answers of ``check_resume`` in a file; that other bits came out is a failure."""
    answer = read_json(path)
    runs = {"repeats": "a repeated run", "resumes": "a resumed run"}
    others = [run for question, run in runs.items() if not answer[question]]
    failure = f"expected the same bits after {answer['updates']} updates, found others in {' and '.join(others)}"
    return Found(answer, failure if others else "")


def _train(request: RunRequest, updates: int, blocks: int | None, checkpoints: Path | None = None) -> str:
    """Train from the initial weights, or resume from a checkpoint, and return the hash of the final weights."""
    with opened_session(request) as session, tempfile.TemporaryDirectory() as unused:
        TrainingLoop(
            TrainingRequest(
                learner=session.learner,
                task=session.task,
                dataset=session.dataset,
                preset=session.preset,
                caps=Caps(updates, EVALUATED_PREDICTIONS),
                seed=request.seed,
            ),
            Supervision(
                label=f"{request.implementation}, resume",
                checkpoints=CheckpointFolder(checkpoints or Path(unused), {}),
                stop_if_asked=StopAfter(blocks).check,
            ),
        ).run()
        return hash_arrays(session.learner.weights())

"""Record a failed run, if its failure does not affect other runs.

``lstm-bench attempt train`` exits with 0 if the failure is itself a result.  Such failures are a missing framework or
GPU, a loss that diverged, and a crash or a lack of memory once no retry is left (``utils.exit_codes``).
After any other failure (a wrong configuration, damaged data, an interruption, a bug here) it exits with the run's code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lstmbench import tasks
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.orchestration.failed_runs import FAILED
from lstmbench.records.run import write_record
from lstmbench.records.run_record import MAX_MESSAGE_LENGTH, ExitCode, FailedRun, Failure, Task
from lstmbench.records.version import SCHEMA_VERSION
from lstmbench.training.session import RunRequest, memory_needed
from lstmbench.utils.clock import utc_now
from lstmbench.utils.exit_codes import PERMANENT, can_lack_memory, is_outcome, reason


@dataclass(frozen=True)
class Attempt:
    """Say how a process ended that was to train: its exit code, where it wrote stderr, how often it is tried again."""

    exit_code: int
    log: Path
    retries_left: int


def write_failure(request: RunRequest, attempt: Attempt, output: Path) -> bool:
    """Write why the run failed, as its log says, to ``output`` and to ``FAILED`` in the same folder.

    Returns False, and writes nothing, if the failure may affect other runs.  A crash and a lack of memory are recorded
    only if no retry is left, because a retry may have more memory.

    Raises:
        UsageError, DataError: a faulty preset or damaged data.
    """
    exit_code, log = attempt.exit_code, attempt.log
    if not is_outcome(exit_code) or (attempt.retries_left > 0 and exit_code not in PERMANENT):
        return False
    dataset = load_dataset(request.data)
    message = reason(exit_code, log)
    if can_lack_memory(exit_code, log):
        message += f"; {_memory(dataset, request.preset_file)}"
    record = FailedRun(
        schema_version=SCHEMA_VERSION,
        run=request.run_of(dataset),
        task=cast(Task, dataset.task),
        failed=utc_now(),
        failure=Failure(exit_code=cast(ExitCode, exit_code), message=message[:MAX_MESSAGE_LENGTH]),
    )
    # ``output`` is last: if it could not be written, the run counts as missing and is tried again.
    write_record(output.with_name(FAILED), record)
    write_record(output, record)
    return True


def _memory(dataset: Dataset, preset_file: Path) -> str:
    preset = tasks.load_fitted(preset_file, dataset.task, dataset.facts)
    return memory_needed(tasks.load(dataset.task).model_spec(preset, dataset.facts), preset)

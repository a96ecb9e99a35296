"""Record a failed run, if its failure does not affect other runs.

``lstm-bench attempt train`` exits with 0 if the failure is itself a result.  Such failures are a missing framework or
GPU, a loss that diverged, a crash in a framework's own code, and a lack of memory once no retry with more is left.
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
from lstmbench.utils.errors import (
    PREFIX,
    DivergedError,
    MachineError,
    ResourceError,
    last_error,
    mentions_out_of_memory,
)
from lstmbench.utils.escaping import one_line

ABORTED, KILLED, CRASHED = 128 + 6, 128 + 9, 128 + 11
"""Exit codes that a shell reports for SIGABRT, SIGKILL and SIGSEGV.

All three can mean a lack of memory.  C++ aborts, Linux kills a process to free memory, and TensorFlow's oneDNN writes
to memory that it requested but did not get.
"""

PERMANENT_FAILURES = (MachineError.exit_code, DivergedError.exit_code)
"""Exit codes of failures that affect only this run and that no retry can mend."""

OUTCOMES = (*PERMANENT_FAILURES, ResourceError.exit_code, KILLED, CRASHED)
"""Exit codes of failures that affect only this run.  ABORTED is one too if the log mentions a lack of memory."""


@dataclass(frozen=True)
class Attempt:
    """Say how a process ended that was to train: its exit code, where it wrote stderr, how often it is tried again."""

    exit_code: int
    log: Path
    retries_left: int


def write_failure(request: RunRequest, attempt: Attempt, output: Path) -> bool:
    """Write why the run failed, as its log says, to ``output`` and to ``FAILED`` in the same folder.

    Returns False, and writes nothing, if the failure may affect other runs.  A lack of memory is recorded only if
    no retry is left, because a retry may have more memory.

    Raises:
        UsageError, DataError: a faulty preset or damaged data.
    """
    exit_code, log = attempt.exit_code, attempt.log
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    lines = [line for line in map(one_line, lines) if line]
    no_memory = exit_code == ABORTED and any(map(mentions_out_of_memory, lines))
    if exit_code not in OUTCOMES and not no_memory:
        return False
    if attempt.retries_left > 0 and exit_code not in PERMANENT_FAILURES:
        return False
    dataset = load_dataset(request.data)
    message = _message(exit_code, lines)
    if exit_code in (ABORTED, KILLED, CRASHED):
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


def _message(exit_code: int, lines: list[str]) -> str:
    # A process that a signal ended printed no error of ours: whatever is last is nearest to the cause.
    last = lines[-1].removeprefix(PREFIX) if lines else "none"
    if exit_code == KILLED:
        return f"E{KILLED}-KILLED: ended by SIGKILL, as the system does when memory runs out; its last words: {last}"
    if exit_code == CRASHED:
        return f"E{CRASHED}-CRASHED: ended by SIGSEGV, as a framework can when memory runs out; its last words: {last}"
    if exit_code == ABORTED:
        return f"E{ABORTED}-ABORTED: out of memory; its last words: {last}"
    return last_error(lines)


def _memory(dataset: Dataset, preset_file: Path) -> str:
    preset = tasks.load_fitted(preset_file, dataset.task, dataset.facts)
    return memory_needed(tasks.load(dataset.task).model_spec(preset, dataset.facts), preset)

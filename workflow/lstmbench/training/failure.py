"""A run that failed for a reason that leaves the others sound: its place is taken by a record that says why.

``lstm-bench attempt train`` ends with 0 if the failure is a result of its own: a framework or a GPU that is not there,
a loss that diverged, memory that ran out and that no retry will raise, a crash in a framework's own code.
Everything else (a wrong configuration, damaged data, an interruption, a fault of ours) ends with the code it came with.
"""

from __future__ import annotations

from pathlib import Path

from lstmbench import tasks
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.models.presets import load_preset
from lstmbench.orchestration.failed_runs import FAILED
from lstmbench.records.run import SCHEMA_VERSION, write_record
from lstmbench.training.session import memory_needed
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
"""What a shell reports of a process that ended by SIGABRT, as C++ does without memory, by SIGKILL, as Linux takes
memory back, or by SIGSEGV: TensorFlow's oneDNN writes to memory that it asked for and was not given."""

PERMANENT_FAILURES = (MachineError.exit_code, DivergedError.exit_code)
"""Failures of the run alone, however often it is tried."""

OUTCOMES = (*PERMANENT_FAILURES, ResourceError.exit_code, KILLED, CRASHED)
"""Failures of the run alone; so is ABORTED if the log tells of no memory."""

MAX_MESSAGE_LENGTH = 2000


def write_failure(
    *,
    exit_code: int,
    retries_left: int,
    log: Path,
    data: Path,
    preset_file: Path,
    implementation: str,
    device: str,
    seed: int,
    output: Path,
) -> bool:
    """Write to ``output``, and beside it, why the run failed, as its log says; False if it is no failure of its own.

    One for lack of memory, which a retry may have more of, is the run's own only if ``retries_left`` is 0.

    Raises:
        UsageError, DataError: a faulty preset or damaged data.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    lines = [line for line in map(one_line, lines) if line]
    no_memory = exit_code == ABORTED and any(map(mentions_out_of_memory, lines))
    if exit_code not in OUTCOMES and not no_memory:
        return False
    if retries_left > 0 and exit_code not in PERMANENT_FAILURES:
        return False
    dataset = load_dataset(data)
    message = _message(exit_code, lines)
    if exit_code in (ABORTED, KILLED, CRASHED):
        message += f"; {_memory(dataset, preset_file)}"
    record = {
        "schema_version": SCHEMA_VERSION,
        "run": {
            "dataset": dataset.name,
            "size": preset_file.stem,
            "implementation": implementation,
            "device": device,
            "seed": seed,
        },
        "task": dataset.task,
        "failed": utc_now(),
        "failure": {"exit_code": exit_code, "message": message[:MAX_MESSAGE_LENGTH]},
    }
    # In this order: a run whose record was not written is missing, and so tried again, in any case.
    write_record(output.with_name(FAILED), record)
    write_record(output, record)
    return True


def _message(exit_code: int, lines: list[str]) -> str:
    last = lines[-1].removeprefix(PREFIX) if lines else "none"
    if exit_code == KILLED:
        return f"E{KILLED}-KILLED: ended by SIGKILL, as the system does when memory runs out; its last words: {last}"
    if exit_code == CRASHED:
        return f"E{CRASHED}-CRASHED: ended by SIGSEGV, as a framework can when memory runs out; its last words: {last}"
    if exit_code == ABORTED:
        return f"E{ABORTED}-ABORTED: out of memory; its last words: {last}"
    return last_error(lines)


def _memory(dataset: Dataset, preset_file: Path) -> str:
    preset = load_preset(preset_file)
    return memory_needed(tasks.load(dataset.task).model_spec(preset, dataset.facts), preset)

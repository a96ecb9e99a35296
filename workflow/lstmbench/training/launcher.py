"""Start the workers of one training, each in a process, and end all of them when one is lost.

A worker finds its rank through ``process_group``.  The frameworks connect the workers: PyTorch reads MASTER_ADDR and
MASTER_PORT, TensorFlow reads TF_CONFIG.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from lstmbench.models.process_group import RESUME_HINT, SILENCE_SECONDS
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import Interrupted, WorkerError
from lstmbench.utils.signals import handled_by

LAUNCHER = "LSTMBENCH_LAUNCHER"
"""Environment variable: the id of the process that started this worker and that reports a lost worker to the user."""

GRACE_SECONDS = 10.0
"""After one worker has failed, the others may take this long to end by themselves."""

POLL_SECONDS = 0.1


def launcher() -> psutil.Process | None:
    """Return the process of ``launch`` that started this worker, or None if it was started otherwise.

    Raises:
        WorkerError: that process is gone.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(int(os.environ[LAUNCHER])) if LAUNCHER in os.environ else None
    raise WorkerError("the process that started this worker is gone already")


@contextlib.contextmanager
def told_by_launcher() -> Iterator[None]:
    """Leave the report of a lost worker to ``launch``, which knows its rank, so that the user reads it only once."""
    try:
        yield
    except WorkerError as error:
        if LAUNCHER not in os.environ:
            raise
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def launch(command: list[str], count: int) -> int:
    """Run ``command`` as ``count`` workers on this machine.

    Returns the exit code of rank 0, or of the worker that failed.  Signals that ask this process to stop are passed to
    the workers.  The stderr of rank 0 is shown.  That of another worker is shown only if its failure is the cause.

    Raises:
        WorkerError: a worker was killed or does not answer.  All workers have been ended by then.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        paths = {rank: Path(folder, str(rank)) for rank in range(1, count)}
        stderr_files = {rank: stack.enter_context(path.open("wb")) for rank, path in paths.items()}
        processes: list[subprocess.Popen[bytes]] = []
        stack.enter_context(_passed_on(processes))
        try:
            for rank, environment in enumerate(_environments(count)):
                # A new session, so that Ctrl-C reaches a worker only once, through this process.
                processes.append(
                    subprocess.Popen(command, env=environment, stderr=stderr_files.get(rank), start_new_session=True)
                )
            culprit = _wait(processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        if culprit in paths:
            sys.stderr.write(paths[culprit].read_text(encoding="utf-8", errors="replace"))
        return processes[culprit].returncode


def _wait(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until all workers have succeeded or one has failed; return the rank whose exit code counts for all."""
    while not (failed := [rank for rank, process in enumerate(processes) if process.poll()]):
        if all(process.returncode == 0 for process in processes):
            return 0
        time.sleep(POLL_SECONDS)
    _refuse_killed(processes)
    watch = Stopwatch()
    # Workers that are asked to stop end together, after their current block and a checkpoint.
    stopping = processes[failed[0]].returncode == Interrupted.exit_code
    while watch.seconds() < (SILENCE_SECONDS if stopping else GRACE_SECONDS):
        if all(process.poll() is not None for process in processes):
            break
        time.sleep(POLL_SECONDS)
    _refuse_killed(processes)
    codes = [process.returncode for process in processes]
    if codes[0] not in (None, 0, WorkerError.exit_code):
        return 0
    reasons = [rank for rank in failed if codes[rank] != WorkerError.exit_code]
    if reasons:
        return reasons[0]
    silent = [str(rank) for rank, code in enumerate(codes) if code is None]
    if silent:
        raise WorkerError(
            f"the worker of rank {', '.join(silent)} (of {len(processes)} workers) does not answer the others; "
            f"{RESUME_HINT}"
        )
    raise WorkerError(f"the {len(processes)} workers lost one another, as said above; {RESUME_HINT}")


def _refuse_killed(processes: list[subprocess.Popen[bytes]]) -> None:
    for rank, process in enumerate(processes):
        if process.returncode is not None and process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
            raise WorkerError(
                f"the worker of rank {rank} (of {len(processes)} workers, process {process.pid}) was ended by "
                f"{name}{hint}, and with it the run; {RESUME_HINT}"
            )


@contextlib.contextmanager
def _passed_on(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Pass the signals that ask to stop to ``processes`` while the block runs."""

    def pass_on(number: int, _: object) -> None:
        for process in processes:
            process.send_signal(number)

    with handled_by(pass_on):
        yield


def _environments(count: int) -> Iterator[dict[str, str]]:
    """Yield the environment variables of each worker."""
    meeting, *ports = _free_ports(count + 1)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    for rank in range(count):
        yield {
            **os.environ,
            "RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(meeting),
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": rank}}),
            LAUNCHER: str(os.getpid()),
        }


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]

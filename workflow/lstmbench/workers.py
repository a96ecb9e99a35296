"""Several workers that share one training, a process each: which of them this one is, and how they are started.

What starts them tells each by its environment: ``torchrun`` and ``launch`` by RANK, WORLD_SIZE and LOCAL_RANK, Slurm's
``srun`` by variables of its own.  How they reach one another is the framework's: PyTorch reads MASTER_ADDR and
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from lstmbench import implementations
from lstmbench.clock import Stopwatch
from lstmbench.errors import Interrupted, UsageError, WorkerError
from lstmbench.interruption import SIGNALS

SILENCE_SECONDS = 300
"""A worker that has not answered for so long is lost; evaluation and checkpoints must take the workers less than that
out of step."""

GRACE_SECONDS = 10.0
"""When one worker has failed, the others have so long to end by themselves."""

POLL_SECONDS = 0.1

ENVIRONMENTS = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"))
"""Rank, number of workers, and rank among those of this machine, by the names of ``torchrun`` and of ``srun``."""

LAUNCHER = "LSTMBENCH_LAUNCHER"
"""Environment variable: the process that started this worker, and tells the user of one that is lost."""

AGAIN = "run the same command again: it goes on from the last checkpoint"


@dataclass(frozen=True)
class Team:
    """The workers, and which of them this process is."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the workers of this machine

    @property
    def leads(self) -> bool:
        """The worker of rank 0 writes and speaks for all."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This worker's of ``count`` rows, which the number of workers divides: each has as many, in order of rank."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


def team(environment: Mapping[str, str] = os.environ) -> Team:
    """The team as the environment tells it; without a word of it, this process alone.

    Raises:
        UsageError: values that are no numbers, or do not belong together.
    """
    for names in ENVIRONMENTS:
        rank, size, local_rank = (environment.get(name) for name in names)
        if rank is not None and size is not None:
            with contextlib.suppress(ValueError):
                found = Team(int(rank), int(size), int(local_rank or 0))
                if 0 <= found.rank < found.size and 0 <= found.local_rank < found.size:
                    return found
            told = ", ".join(f"{name}={environment.get(name)}" for name in names)
            raise UsageError(f"environment {told}: expected numbers, 0 <= {names[0]} < {names[1]}")
    return Team()


def require_shared(implementation: str, batch_size: int, count: int) -> None:
    """Refuse a training that ``count`` workers cannot share.

    Raises:
        UsageError: the implementation is of one worker only, or the batch has no equal share for each.
    """
    if count > 1 and not implementations.distributed(implementation):
        several = filter(implementations.distributed, implementations.names())
        raise UsageError(f"{count} workers: {implementation} runs with 1; with several: {', '.join(several)}")
    if batch_size % count:
        divisors = [str(number) for number in range(1, batch_size + 1) if batch_size % number == 0]
        raise UsageError(
            f"{count} workers: expected a number that divides the batch_size {batch_size}, so that each gets an equal "
            f"share: {', '.join(divisors)}"
        )


def launcher() -> psutil.Process | None:
    """The ``launch`` that started this worker, if one did."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(int(os.environ[LAUNCHER])) if LAUNCHER in os.environ else None
    raise WorkerError("the process that started this worker is gone already")


@contextlib.contextmanager
def told_by_launcher() -> Iterator[None]:
    """In a worker that ``launch`` started: a lost one is told by the launcher, which knows its rank, and told once."""
    try:
        yield
    except WorkerError as error:
        if LAUNCHER not in os.environ:
            raise
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def launch(command: list[str], count: int) -> int:
    """Run ``command`` as ``count`` workers on this machine; the exit code of that of rank 0, or of one that failed.

    Signals that ask this process to stop are passed on.  What the workers of other ranks write to stderr is shown only
    if one of them fails alone.

    Raises:
        WorkerError: a worker was killed, or does not answer; no other is left running then.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        told = {rank: stack.enter_context(Path(folder, str(rank)).open("w+")) for rank in range(1, count)}
        processes: list[subprocess.Popen] = []
        stack.enter_context(_passed_on(processes))
        try:
            for rank, environment in enumerate(_environments(count)):
                # In a session of its own, so that Ctrl-C reaches it once, through this process.
                processes.append(
                    subprocess.Popen(command, env=environment, stderr=told.get(rank), start_new_session=True)
                )
            culprit = _wait(processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        if culprit in told:
            told[culprit].seek(0)
            sys.stderr.write(told[culprit].read())
        return processes[culprit].returncode


def _wait(processes: list[subprocess.Popen]) -> int:
    """Wait until all have ended well, or no more can come of it; the rank whose exit code is that of all."""
    while not (failed := [rank for rank, process in enumerate(processes) if process.poll()]):
        if all(process.returncode == 0 for process in processes):
            return 0
        time.sleep(POLL_SECONDS)
    _refuse_killed(processes)
    watch = Stopwatch()
    # Workers that are asked to stop do so together, after a block of each and a checkpoint.
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
            f"the worker of rank {', '.join(silent)} (of {len(processes)} workers) does not answer the others; {AGAIN}"
        )
    raise WorkerError(f"the {len(processes)} workers lost one another, as said above; {AGAIN}")


def _refuse_killed(processes: list[subprocess.Popen]) -> None:
    for rank, process in enumerate(processes):
        if process.returncode is not None and process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
            raise WorkerError(
                f"the worker of rank {rank} (of {len(processes)} workers, process {process.pid}) was ended by "
                f"{name}{hint}, and with it the run; {AGAIN}"
            )


@contextlib.contextmanager
def _passed_on(processes: list[subprocess.Popen]) -> Iterator[None]:
    """Within the block, the signals that ask to stop go to ``processes``."""

    def pass_on(number: int, _: object) -> None:
        for process in processes:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environments(count: int) -> Iterator[dict[str, str]]:
    """The environment of each worker."""
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

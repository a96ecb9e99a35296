"""Say which of several workers that share one training this process is.

Whoever starts the workers tells each by its environment: ``torchrun`` and ``launcher.launch`` by RANK, WORLD_SIZE and
LOCAL_RANK, Slurm's ``srun`` by variables of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from lstmbench.utils.errors import UsageError

SILENCE_SECONDS = 300
"""A worker that does not answer within this time is lost.  Evaluation and checkpoints must delay one worker by less."""

ENVIRONMENTS = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"))
"""Rank, number of workers, and rank among those of this machine, by the names of ``torchrun`` and of ``srun``."""

RESUME_HINT = "run the same command again: it resumes from the last checkpoint"


@dataclass(frozen=True)
class ProcessGroup:
    """The workers, and which of them this process is."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the workers of this machine

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which writes files and shows progress for all."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This worker's of ``count`` rows, which the number of workers divides: each has as many, in order of rank."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


def current_group(environment: Mapping[str, str] = os.environ) -> ProcessGroup:
    """Read the process group from the environment; without its variables, this process is a group of one.

    Raises:
        UsageError: values that are no numbers, or do not belong together.
    """
    for names in ENVIRONMENTS:
        rank, size, local_rank = (environment.get(name) for name in names)
        if rank is not None and size is not None:
            with contextlib.suppress(ValueError):
                found = ProcessGroup(int(rank), int(size), int(local_rank or 0))
                if 0 <= found.rank < found.size and 0 <= found.local_rank < found.size:
                    return found
            told = ", ".join(f"{name}={environment.get(name)}" for name in names)
            raise UsageError(f"environment {told}: expected numbers, 0 <= {names[0]} < {names[1]}")
    return ProcessGroup()

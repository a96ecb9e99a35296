"""Find the rank of this process among the workers that share one training run.

The launcher of the workers sets the environment of each: ``torchrun`` and ``launcher.launch`` set RANK, WORLD_SIZE and
LOCAL_RANK, and Slurm's ``srun`` sets variables of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from lstmbench.utils.errors import MachineError, UsageError

SILENCE_SECONDS = 300
"""A worker that does not answer within this time is lost.  Evaluation and checkpoints must delay a worker by less."""

ENVIRONMENTS = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"))
"""Variables of rank, number of workers, and rank on this machine, as ``torchrun`` and ``srun`` name them."""

RESUME_HINT = "run the same command again: it resumes from the last checkpoint"


@dataclass(frozen=True)
class ProcessGroup:
    """The workers, and the rank of this process."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the workers of this machine

    @property
    def is_main(self) -> bool:
        """Return whether this is rank 0, which writes files and shows progress for all."""
        return self.rank == 0

    def require_gpu(self, count: int) -> None:
        """Refuse to share a GPU; this machine has ``count``.

        Raises:
            MachineError: there is no GPU for this worker.
        """
        if count <= self.local_rank:
            raise MachineError(
                f"device gpu: expected a GPU for each worker, found {count} on this machine for the worker of rank "
                f"{self.rank}, number {self.local_rank + 1} of it"
            )

    def share(self, count: int) -> slice:
        """Return this worker's share of ``count`` rows, by rank; the number of workers divides ``count``."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


def current_group(environment: Mapping[str, str] = os.environ) -> ProcessGroup:
    """Return the workers that the environment names; this process alone if it names none.

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
            variables = ", ".join(f"{name}={environment.get(name)}" for name in names)
            raise UsageError(f"environment {variables}: expected numbers, 0 <= {names[0]} < {names[1]}")
    return ProcessGroup()

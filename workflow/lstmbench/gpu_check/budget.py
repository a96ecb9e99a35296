"""Divide a budget in seconds among the steps of a check; the next step gets what a step does not use."""

from __future__ import annotations

from dataclasses import dataclass, field

from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import ResourceError

CUMULATIVE_SHARES = {1: 0.20, 2: 0.20, 3: 0.20, 4: 0.55, 5: 1.0}
"""Step -> the share of the budget after which it starts no further job.  Steps 1 to 3 have 20 % together, step 4 has
35 % and step 5 has 45 %."""

MIN_SECONDS = 30.0
"""Step 1 can take this long, and may, whatever its share: each framework is imported and trains one step, and the other
steps need to know which can.  Importing PyTorch with CUDA takes 5 to 10 s."""


@dataclass
class Budget:
    """A number of seconds, counted from the moment when the object is made.

    Raises:
        ResourceError: it is less than the first step needs.
    """

    seconds: float
    _watch: Stopwatch = field(default_factory=Stopwatch)

    def __post_init__(self) -> None:
        if self.seconds < MIN_SECONDS:
            raise ResourceError(
                f"--budget {self.seconds:g}: expected at least {MIN_SECONDS:g} s, which step 1 (the machine) can "
                "take; all five steps want 600 s"
            )

    def spent(self) -> float:
        """Return the seconds since the start."""
        return self._watch.seconds()

    def left(self) -> float:
        """Return the seconds until the whole budget is spent."""
        return self.seconds - self.spent()

    def left_for(self, step: int) -> float:
        """Return the seconds in which ``step`` may still start a job; negative once they have passed."""
        share = CUMULATIVE_SHARES[step] * self.seconds
        return (max(share, MIN_SECONDS) if step == 1 else share) - self.spent()

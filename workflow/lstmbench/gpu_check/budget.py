"""Share a budget in seconds between the steps of a check; what a step leaves goes to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import ResourceError

CUMULATIVE_SHARES = {1: 0.20, 2: 0.20, 3: 0.20, 4: 0.55, 5: 1.0}
"""Step -> the part of the budget by which it must have begun its last job: 20 % for steps 1 to 3, 35 % for step 4 and
45 % for step 5."""

MIN_SECONDS = 30.0
"""What step 1 can take: each framework is imported and trains one step.  PyTorch's import with CUDA takes 5 to 10 s."""


@dataclass
class Budget:
    """A number of seconds that starts to run out when the object is made.

    Raises:
        ResourceError: less than the first step needs.
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
        """Return the seconds until ``step`` must begin no further job; negative once that moment has passed."""
        return CUMULATIVE_SHARES[step] * self.seconds - self.spent()

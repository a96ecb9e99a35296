"""Define the constants of the records' formats, which writing and checking a record share."""

from __future__ import annotations

FIRST_LOSSES = 20
"""A record of a run holds the losses of its first updates, at most this many."""

NOT_SEEN = "not seen"
"""Marks kernels that the framework did not show.  That is no evidence of other kernels, so the speed is valid."""

BLOCK_SECONDS = 0.25
"""Minimum seconds of a timed block: 10,000 times the cost of reading the clock, and 25 ticks of the CPU accounts."""

MIN_BLOCK_SECONDS = BLOCK_SECONDS / 2
"""Refuse a process whose blocks are shorter in the median."""

GENERATIONS = 2
"""Number of checkpoints of a run that are kept."""

OTHERS = 1
"""Number of checkpoints with other fingerprints that are kept, so that going back to earlier settings loses nothing."""

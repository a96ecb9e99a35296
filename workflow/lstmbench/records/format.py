"""Hold the constants of the records' format, which whoever writes a record and whoever checks it must share."""

from __future__ import annotations

FIRST_LOSSES = 20
"""A record of a run holds the losses of its first updates, at most this many."""

NOT_SEEN = "not seen"
"""Stands for a path that the framework did not show: no evidence of another one, so the speed stands."""

BLOCK_SECONDS = 0.25
"""A timed block takes at least this: 10,000 times what reading the clock takes, and 25 ticks of the CPU accounts."""

MIN_BLOCK_SECONDS = BLOCK_SECONDS / 2
"""Refuse a process whose blocks are shorter in the median."""

GENERATIONS = 2
"""Checkpoints of a run that are kept."""

OTHERS = 1
"""Files of other fingerprints that are kept: who goes back to the settings before loses nothing."""

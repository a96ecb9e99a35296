"""Name the tables of each command: the Snakefile lists them, and need not import what computes them."""

from __future__ import annotations

COLLECTED = ("runs", "history", "milestones", "settings", "failures")
"""Of ``collect``; programs alone read them."""

QUALITY = ("quality", "differences", "environment", "milestone_means", "time_to_quality")
"""Of ``tabulate``."""

SPEED = ("speed", "ratios", "anatomy", "products")
"""Of ``analyse``."""

SPEED_SHOWN = (*SPEED, "phases")
"""And those that people read: ``phases`` are columns of ``speed``."""

AGAINST_BASELINES = ("baseline_quality", "baseline_speed", "baseline_circumstances")
"""Of ``against-baselines``."""

FORECAST = ("plan", "error")
"""Of ``plan``."""

DATA_SUFFIXES = ("csv", "parquet")
"""Each table is written for everybody, and for programs with exact types."""

TEXT_SUFFIXES = ("md", "tex")
"""Tables for people: to be read, and to be put into a paper."""

"""Name the tables of each command, so that the Snakefile can list them without importing what computes them."""

from __future__ import annotations

COLLECTED = ("runs", "history", "milestones", "settings", "failures")
"""Of ``collect``; only programs read them."""

QUALITY = ("quality", "differences", "environment", "milestone_means", "time_to_quality")
"""Of ``tabulate``."""

SPEED = ("speed", "ratios", "anatomy", "products")
"""Of ``analyse``."""

SHOWN_FROM = {"phases": "speed"}
"""Text tables that show other columns of a table of ``analyse``."""

SPEED_SHOWN = (*SPEED, *SHOWN_FROM)
"""Those of ``analyse`` that people read."""

AGAINST_BASELINES = ("baseline_quality", "baseline_speed", "baseline_circumstances")
"""Of ``against-baselines``."""

FORECAST = ("plan", "error")
"""Of ``plan``."""

DATA_SUFFIXES = ("csv", "parquet")
"""Formats of each table: CSV for people, Parquet with exact types for programs."""

TEXT_SUFFIXES = ("md", "html", "tex")
"""Formats of tables for people: Markdown to read, HTML for a browser and Snakemake's report, LaTeX for a paper."""

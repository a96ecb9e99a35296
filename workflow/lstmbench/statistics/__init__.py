"""Compute intervals, tests and verdicts from numbers: pure mathematics, without this project's files or tables."""

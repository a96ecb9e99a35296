"""Compute intervals, tests and verdicts from numbers: pure mathematics, without files or tables of ours."""

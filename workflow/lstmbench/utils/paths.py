"""Locate the package and the files that come with it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
WORKFLOW = PACKAGE.parent
ROOT = WORKFLOW.parent
"""The top folder of the checkout."""

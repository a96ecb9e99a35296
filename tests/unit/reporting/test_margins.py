"""Sentences name the margins that hold."""

from __future__ import annotations

import os
import subprocess
import sys

CHANGED = """
import math
from lstmbench.statistics import equivalence
equivalence.MARGINS.update(perplexity=math.log(1.03), accuracy=0.005)
equivalence.SPEED_MARGIN = 0.04
from lstmbench.reporting import comparison, findings, quality
print(quality.NOTES["differences"][0])
print(comparison.NOTES["quality"][0])
print(comparison.NOTES["speed"][0])
print(findings.in_words("perplexity"), findings.in_words("accuracy"))
"""


def test_a_margin_that_changes_changes_every_sentence_that_names_it():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CHANGED]
    differences, quality, speed, words = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for note in (differences, quality):
        assert "Equal: within 3 % of a perplexity or 0.5 points of an accuracy by two one-sided t-tests" in note
    assert "Equal: the interval lies within 4 % of 1;" in speed
    assert words == "3 % 0.5 points"

"""A trace that covers little of its step is found."""

from __future__ import annotations

import pandas as pd

from lstmbench.analysis.anatomy import little_covered


def test_coverage_is_judged_in_whole_per_cent():
    assert little_covered(pd.DataFrame({"coverage": [0.5, 0.794, 0.796, 1.0]})).tolist() == [True, True, False, False]

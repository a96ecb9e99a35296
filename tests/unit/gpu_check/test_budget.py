"""How the seconds of a check are shared out."""

from __future__ import annotations

import math

from lstmbench.gpu_check.budget import Budget


def test_what_a_step_leaves_of_its_share_goes_to_the_next():
    budget = Budget(100.0)
    assert [math.ceil(budget.left_for(step)) for step in (1, 2, 3, 4, 5)] == [20, 20, 20, 55, 100]

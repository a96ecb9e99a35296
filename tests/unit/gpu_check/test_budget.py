"""How the seconds of a check are shared out."""

from __future__ import annotations

import math

from lstmbench.gpu_check.budget import MIN_SECONDS, Budget


def test_what_a_step_leaves_of_its_share_goes_to_the_next():
    budget = Budget(200.0)
    assert [math.ceil(budget.left_for(step)) for step in (1, 2, 3, 4, 5)] == [40, 40, 40, 110, 200]


def test_the_least_budget_is_enough_for_the_step_that_the_others_need():
    budget = Budget(MIN_SECONDS)
    assert math.ceil(budget.left_for(1)) == MIN_SECONDS
    assert budget.left_for(2) < MIN_SECONDS / 2

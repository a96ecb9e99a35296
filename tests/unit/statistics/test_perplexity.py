from __future__ import annotations

import math

import pytest

from lstmbench.statistics.perplexity import perplexity


@pytest.mark.parametrize("loss", [0.0, 4.7, 700.0, 709.0])
def test_a_perplexity_is_exp_of_the_loss(loss):
    assert perplexity(loss) == math.exp(loss)


@pytest.mark.parametrize("loss", [709.9, 1e300, math.inf])
def test_a_loss_beyond_a_float_has_an_infinite_perplexity(loss):
    assert perplexity(loss) == math.inf


def test_a_loss_that_is_no_number_has_a_perplexity_that_is_none():
    assert math.isnan(perplexity(math.nan))

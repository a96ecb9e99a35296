"""The checks bite: a reference with one well-known mistake fails them."""

from __future__ import annotations

import pytest

from lstmbench.implementations import reference
from lstmbench.parity.comparison import LANGUAGE_MODEL
from tests.helpers import checks, dropout, mutants


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("mutant", "check"),
    mutants.CAUGHT,
)
def test_a_mistake_fails_the_check(mutant, check, dtype):
    check(mutants.builder(reference.Learner), LANGUAGE_MODEL, dtype)
    with pytest.raises(AssertionError, match="relative error"):
        check(mutants.builder(mutant), LANGUAGE_MODEL, dtype)


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        (mutants.SinglePrecisionClip, checks.check_clipped_sgd),
        (mutants.PaddedClip, checks.check_clipped_sgd),
        (mutants.CorrectedEpsilon, checks.check_adam),
    ],
)
def test_a_subtle_mistake_fails_the_check_in_float64(mutant, check):
    with pytest.raises(AssertionError, match="relative error"):
        check(mutants.builder(mutant), LANGUAGE_MODEL, "float64")


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        (mutants.NoDropout, dropout.check_the_seed_decides),
        (mutants.NoDropoutAtTheEnd, dropout.check_the_last_output_is_dropped),
        (mutants.NoDropoutAtTheEnd, dropout.check_masks_of_the_last_output),
        (mutants.NoDropoutAtTheStart, dropout.check_the_input_is_dropped_if_asked_for),
        (mutants.NoDropoutBetweenLayers, dropout.check_a_layer_s_output_is_dropped_before_the_next),
        (mutants.InputAlwaysDropped, dropout.check_the_input_is_dropped_if_asked_for),
        (mutants.RecurrentDropout, dropout.check_the_recurrent_path_has_none),
        (mutants.SameMaskAtEveryStep, dropout.check_masks_before_each_layer),
        (mutants.SameMaskAtEveryUpdate, dropout.check_every_update_draws_anew),
        (mutants.SameMaskInEveryLayer, dropout.check_masks_before_each_layer),
        (mutants.UnscaledDropout, dropout.check_masks_before_each_layer),
        (mutants.UnscaledDropout, dropout.check_masks_of_the_last_output),
        (mutants.KeepAndDropSwapped, dropout.check_masks_before_each_layer),
        (mutants.KeepAndDropSwapped, dropout.check_masks_of_the_last_output),
        (mutants.IgnoredSeed, dropout.check_the_seed_decides),
        (mutants.DropoutInEvaluation, dropout.check_evaluation_has_none),
    ],
)
def test_misplaced_dropout_fails_the_check(mutant, check):
    with pytest.raises(AssertionError):
        check(mutants.builder(mutant))

"""Where dropout is, how much and how: checks that see a learner from outside only.

They rest on three facts: a state that dropout cannot reach is the reference's without dropout; a cell can
be opened so that it shows its layer's input; and with output.kernel at zero its gradient shows the
last layer's output.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.parity import comparison
from lstmbench.parity.comparison import LANGUAGE_MODEL, Build
from tests.helpers import checks

KEEP = 0.8
DROPPED = dataclasses.replace(LANGUAGE_MODEL, keep_prob=KEEP)
TOLERANCE = 1e-12


def _states(build: Build, spec: ModelSpec, weights: dict[str, np.ndarray]) -> tuple[list, list, np.ndarray, np.ndarray]:
    """State after two training steps at rate 0, the reference's without dropout, and the losses of both."""
    results = []
    for make, keep_prob in ((build, spec.keep_prob), (comparison.build_reference, 1.0)):
        run = comparison.start(make, dataclasses.replace(spec, keep_prob=keep_prob), weights=weights)
        losses = run.train(comparison.batches(2), learning_rate=0.0)
        results.append((run.state_arrays(), losses))
    (state, losses), (expected, expected_losses) = results
    return state, expected, losses, expected_losses


def _equal(pair: tuple, expected: tuple) -> bool:
    return all(comparison.relative_error(one, other) <= TOLERANCE for one, other in zip(pair, expected, strict=True))


def _differ(pair: tuple, expected: tuple) -> bool:
    return all(comparison.relative_error(one, other) > 1e-3 for one, other in zip(pair, expected, strict=True))


def check_the_recurrent_path_has_none(build: Build) -> None:
    """Of a zero embedding there is nothing to drop: layer 0 moves by its biases and recurrence alone."""
    weights = comparison.random_weights(DROPPED)
    weights["embedding"][:] = 0
    state, expected, _, _ = _states(build, DROPPED, weights)
    assert _equal(state[0], expected[0]), "layer 0's own recurrence is disturbed"


def check_a_layer_s_output_is_dropped_before_the_next(build: Build) -> None:
    """With the same undisturbed layer 0, layer 1 does not get all of it."""
    weights = comparison.random_weights(DROPPED)
    weights["embedding"][:] = 0
    state, expected, _, _ = _states(build, DROPPED, weights)
    assert _differ(state[1], expected[1]), "layer 1 gets layer 0's whole output"


def check_the_input_is_dropped_if_asked_for(build: Build) -> None:
    """Layer 0 does not get the whole embedding, unless input_dropout is off."""
    weights = comparison.random_weights(DROPPED)
    state, expected, _, _ = _states(build, DROPPED, weights)
    assert _differ(state[0], expected[0]), "layer 0 gets the whole input"
    state, expected, _, _ = _states(build, dataclasses.replace(DROPPED, input_dropout=False), weights)
    assert _equal(state[0], expected[0]), "input is dropped though input_dropout is off"


def check_the_last_output_is_dropped(build: Build) -> None:
    """A layer 1 that ignores its input is undisturbed, and still the loss is: by dropout behind it."""
    weights = comparison.random_weights(DROPPED)
    weights["lstm.1.kernel"][:] = 0
    state, expected, losses, expected_losses = _states(build, DROPPED, weights)
    assert _equal(state[1], expected[1]), "layer 1's own recurrence is disturbed"
    assert comparison.relative_error(losses, expected_losses) > 1e-4, "the last layer's output is whole"


def check_masks_before_each_layer(build: Build) -> None:
    """What reaches a layer is dropped, or divided by keep_prob and kept with that probability.

    Every time step, sequence and place has a mask of its own.
    """
    for place in (0, 1):
        spec = dataclasses.replace(SHOWING, input_dropout=place == 0)
        masks = []
        for shown_step in (0, 1):
            _, cell = _shown_cells(build, spec, place, shown_step)[place]
            whole = INPUT if place == 0 else np.tanh(np.tanh(INPUT))
            masks.append(np.arctanh(cell) / whole)
        assert_is_mask(np.stack(masks))
        kept = np.stack(masks) > 0
        assert (kept[0] != kept[1]).any(), "all time steps share one mask"
        assert (kept[:, 0] != kept[:, 1]).any(), "all sequences of a batch share one mask"
    (_, first), (_, second) = _shown_cells(build, SHOWING, place=1, shown_step=1)
    assert (second[first > 0] == 0).any(), "both layers share one mask"


INPUT = 0.5
SHOWING = dataclasses.replace(DROPPED, input_size=40, hidden_size=40)


def _shown_cells(build: Build, spec: ModelSpec, place: int, shown_step: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """States after two time steps, of which one has zero as its input, with cells that show what they get.

    Below layer ``place`` a cell is tanh(input) and its output the tanh of that; in layer ``place`` a cell is
    the sum of tanh(input) over time, and so it is that of the step shown.
    """
    hidden = spec.hidden_size
    ids = np.arange(comparison.BATCH * 2, dtype=np.int32).reshape(comparison.BATCH, 2)
    weights = {name: np.zeros_like(value) for name, value in comparison.random_weights(spec).items()}
    weights["embedding"][ids[:, shown_step]] = INPUT
    for layer in range(spec.num_layers):
        weights[f"lstm.{layer}.kernel"][:, 2 * hidden : 3 * hidden] = np.eye(hidden)
        # sigmoid(50) is 1 and sigmoid(-50) is 0 in float64, to 1e-21.
        forget = 50.0 if layer == place else -50.0
        weights[f"lstm.{layer}.bias"][:] = np.repeat([50.0, forget, 0.0, 50.0], hidden)
    run = comparison.start(build, spec, weights=weights)
    run.data = run.learner.place(Examples(ids, ids))
    run.train(np.arange(comparison.BATCH, dtype=np.int32)[np.newaxis], learning_rate=0.0)
    return run.state_arrays()


def check_masks_of_the_last_output(build: Build) -> None:
    """The same behind the last layer, where output.kernel's gradient is output times something dropout-free."""
    spec = dataclasses.replace(DROPPED, hidden_size=300, num_layers=1, every_step=False)
    weights = comparison.random_weights(spec)
    weights["embedding"][:] = 0
    weights["output.kernel"][:] = 0
    data = Examples(np.zeros((1, comparison.STEPS), np.int32), np.zeros(1, np.int32))
    changes = []
    for make, keep_prob in ((build, KEEP), (comparison.build_reference, 1.0)):
        run = comparison.start(make, dataclasses.replace(spec, keep_prob=keep_prob), weights=weights)
        run.data, run.state = run.learner.place(data), run.learner.initial_state(1)
        run.train(np.zeros((1, 1), np.int32))
        changes.append(run.learner.weights()["output.kernel"])
    mask = changes[0] / changes[1]  # [hidden_size, output_size]: the unit's factor, in every column
    np.testing.assert_allclose(mask, mask[:, :1].repeat(spec.output_size, axis=1), rtol=1e-9)
    assert_is_mask(mask[:, 0])


def assert_is_mask(mask: np.ndarray) -> None:
    """Only 0 and 1 / KEEP, and as many kept as chance allows (4.5 standard deviations: 1 in 100,000 fails)."""
    kept = mask > 0.5
    np.testing.assert_allclose(mask, kept / KEEP, rtol=1e-9, atol=1e-12)
    deviation = np.sqrt(KEEP * (1 - KEEP) / mask.size)
    assert abs(kept.mean() - KEEP) < 4.5 * deviation


def check_every_update_draws_anew(build: Build) -> None:
    """Three times the same batch, weights and initial state: three losses, for the masks differ."""
    spec = dataclasses.replace(DROPPED, stateful=False)
    losses = comparison.start(build, spec).train(np.repeat(comparison.batches(1), 3, axis=0), learning_rate=0.0)
    assert len(set(losses.tolist())) == 3


def check_the_seed_decides(build: Build) -> None:
    """The same seed, the same losses; another seed, other losses."""
    first, again, other = (
        comparison.start(build, DROPPED, seed=seed).train(comparison.batches(2)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def check_evaluation_has_none(build: Build) -> None:
    """Evaluation is the reference's without dropout, and the same again."""
    run = comparison.start(build, DROPPED)
    first = run.state
    sums, _ = run.evaluate(comparison.batches(2))
    run.state = first
    np.testing.assert_array_equal(run.evaluate(comparison.batches(2))[0], sums)
    expected, _ = comparison.start(comparison.build_reference, LANGUAGE_MODEL).evaluate(comparison.batches(2))
    checks.assert_close("summed losses", sums, expected, TOLERANCE)


CHECKS = [
    check_the_recurrent_path_has_none,
    check_a_layer_s_output_is_dropped_before_the_next,
    check_the_input_is_dropped_if_asked_for,
    check_the_last_output_is_dropped,
    check_masks_before_each_layer,
    check_masks_of_the_last_output,
    check_every_update_draws_anew,
    check_the_seed_decides,
    check_evaluation_has_none,
]

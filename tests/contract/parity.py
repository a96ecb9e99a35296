"""What it means that two implementations are the same: models, data, and checks that fail when they differ.

Every check takes ``build``, which makes the learner under test, and compares it with the NumPy reference
in float64 from the same weights, so the differences found in float32 are those of the learner alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from lstmbench.implementations import reference
from lstmbench.learner import Examples, Learner, ModelSpec
from lstmbench.weights import shapes

Build = Callable[..., Learner]
"""build(spec, dtype="float64", seed=0) -> a learner that has loaded no weights yet."""

BATCH, STEPS, EXAMPLES = 3, 5, 12

# No two sizes are equal, so that a swapped axis cannot go unseen.  The loss scale makes gradients of the
# size of the weights: a change of weights then shows them without loss of digits.
LANGUAGE_MODEL = ModelSpec(
    num_layers=2,
    hidden_size=7,
    output_size=11,
    input_size=4,
    embedding=True,
    every_step=True,
    stateful=True,
    input_dropout=True,
    keep_prob=1.0,
    optimizer="sgd",
    max_grad_norm=None,
    loss_scale=float(STEPS),
)
CLASSIFIER = dataclasses.replace(
    LANGUAGE_MODEL, output_size=6, embedding=False, every_step=False, stateful=False, input_dropout=False
)

MODELS = {
    "language_model": LANGUAGE_MODEL,
    "classifier": CLASSIFIER,
    "one_layer_language_model": dataclasses.replace(LANGUAGE_MODEL, num_layers=1),
    "one_layer_classifier": dataclasses.replace(CLASSIFIER, num_layers=1),
}

TOLERANCE_OF_LOSSES = {"float32": 5e-6, "float64": 1e-12, "bfloat16": 2e-2}
TOLERANCE_OF_GRADIENTS = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 3e-2}
TOLERANCE_AFTER_20_STEPS = {"float32": 1e-5, "float64": 1e-11}


def build_reference(spec: ModelSpec, dtype: str = "float64", seed: int = 0) -> Learner:
    """The yardstick."""
    return reference.Learner(spec, "cpu", seed, dtype)


def random_weights(spec: ModelSpec) -> dict[str, np.ndarray]:
    """float32 weights, biases among them, far enough from zero for every gate to matter."""
    stream = np.random.default_rng(1)
    return {name: stream.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes(spec).items()}


def examples(spec: ModelSpec) -> Examples:
    """EXAMPLES random examples; ids come from the lower half of the vocabulary, so they repeat within a batch."""
    stream = np.random.default_rng(2)
    if spec.embedding:
        inputs = stream.integers(0, spec.output_size // 2, (EXAMPLES, STEPS)).astype(np.int32)
    else:
        inputs = stream.standard_normal((EXAMPLES, STEPS, spec.input_size)).astype(np.float32)
    shape = (EXAMPLES, STEPS) if spec.every_step else (EXAMPLES,)
    return Examples(inputs, stream.integers(0, spec.output_size, shape).astype(np.int32))


def batches(steps: int) -> np.ndarray:
    """int32[steps, BATCH] example numbers, no example twice in a batch."""
    stream = np.random.default_rng(3)
    return np.array([stream.permutation(EXAMPLES)[:BATCH] for _ in range(steps)], np.int32)


def random_state(spec: ModelSpec) -> list[tuple[np.ndarray, np.ndarray]]:
    """Arrays of a state that is not zero, float32, for ``load_state``."""
    stream = np.random.default_rng(4)
    shape = (2, BATCH, spec.hidden_size)
    layers = [stream.uniform(-0.9, 0.9, shape).astype(np.float32) for _ in range(spec.num_layers)]
    return [(hidden, cell) for hidden, cell in layers]


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, in parts of the largest expected value."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


def assert_close(what: str, found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Equal shapes, and a ``relative_error`` of at most ``tolerance``."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    error = relative_error(found, expected)
    assert error <= tolerance, f"{what}: relative error {error:.2g}, at most {tolerance:g} allowed"


def assert_states_close(found: list, expected: list, tolerance: float) -> None:
    """Hidden and cell state of every layer agree."""
    assert len(found) == len(expected)
    for layer, (pair, expected_pair) in enumerate(zip(found, expected, strict=True)):
        for part, one, other in zip(("hidden", "cell"), pair, expected_pair, strict=True):
            assert_close(f"{part} state of layer {layer}", one, other, tolerance)


def assert_identical(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """The same names and the same bits."""
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name, strict=True)


@dataclasses.dataclass
class Run:
    """A learner that has loaded weights, a placed split and a state, and the losses it has made."""

    learner: Learner
    data: object
    state: object

    def train(self, rows: np.ndarray, learning_rate: float = 1.0) -> np.ndarray:
        """Train one block from the present state; losses float[steps]."""
        losses, self.state = self.learner.train_block(self.data, rows, self.state, learning_rate)
        return losses

    def evaluate(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate one block from the present state; sums float[steps] and correct int[steps]."""
        sums, correct, self.state = self.learner.eval_block(self.data, rows, self.state)
        return sums, correct

    def state_arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The present state."""
        return self.learner.state_arrays(self.state)


def start(
    build: Build,
    spec: ModelSpec,
    dtype: str = "float64",
    seed: int = 0,
    weights: dict[str, np.ndarray] | None = None,
    state: list[tuple[np.ndarray, np.ndarray]] | None = None,
) -> Run:
    """A learner with ``random_weights`` and the zero state, or those given, and ``examples`` placed."""
    learner = build(spec, dtype=dtype, seed=seed)
    learner.load_weights(random_weights(spec) if weights is None else weights)
    first = learner.initial_state(BATCH) if state is None else learner.load_state(state)
    return Run(learner, learner.place(examples(spec)), first)


def check_one_step(build: Build, spec: ModelSpec, dtype: str) -> None:
    """One step of SGD at rate 1 without a clip: the same loss, state and gradients, which are the weights' change."""
    before, state = random_weights(spec), random_state(spec)
    ours, theirs = start(build, spec, dtype, state=state), start(build_reference, spec, state=state)
    loss, expected_loss = ours.train(batches(1)), theirs.train(batches(1))
    assert_close("loss", loss, expected_loss, TOLERANCE_OF_LOSSES[dtype])
    after, expected_after = ours.learner.weights(), theirs.learner.weights()
    for name, value in before.items():
        gradient, expected = value - after[name].astype(np.float64), value - expected_after[name]
        assert_close(f"gradient of {name}", gradient, expected, TOLERANCE_OF_GRADIENTS[dtype])
    if spec.stateful:
        assert_states_close(ours.state_arrays(), theirs.state_arrays(), TOLERANCE_OF_LOSSES[dtype])


def check_evaluation(build: Build, spec: ModelSpec, dtype: str) -> None:
    """Three batches: the same sums of losses, numbers of correct predictions, and state."""
    state = random_state(spec)
    ours, theirs = start(build, spec, dtype, state=state), start(build_reference, spec, state=state)
    sums, correct = ours.evaluate(batches(3))
    expected_sums, expected_correct = theirs.evaluate(batches(3))
    assert_close("summed losses", sums, expected_sums, TOLERANCE_OF_LOSSES[dtype])
    assert correct.tolist() == expected_correct.tolist()
    if spec.stateful:
        assert_states_close(ours.state_arrays(), theirs.state_arrays(), TOLERANCE_OF_LOSSES[dtype])


def check_clipped_sgd(build: Build, spec: ModelSpec, dtype: str) -> None:
    """20 steps of SGD whose gradients are clipped, all of them: the same loss at every step."""
    spec = dataclasses.replace(spec, max_grad_norm=0.2)
    assert_clip_is_active(spec)
    _check_20_steps(build, spec, dtype, learning_rate=1.0)


def check_adam(build: Build, spec: ModelSpec, dtype: str) -> None:
    """20 steps of Adam behind an active clip: the same loss at every step."""
    spec = dataclasses.replace(spec, optimizer="adam", max_grad_norm=0.2)
    assert_clip_is_active(dataclasses.replace(spec, optimizer="sgd"))
    _check_20_steps(build, spec, dtype, learning_rate=0.01)


def assert_clip_is_active(spec: ModelSpec) -> None:
    """Each of the reference's 20 steps of SGD at rate 1 is as long as the clip allows, so it was shortened."""
    run = start(build_reference, spec)
    before = run.learner.weights()
    for rows in batches(20):
        run.train(rows[np.newaxis])
        after = run.learner.weights()
        length = np.sqrt(sum(np.square(after[name] - before[name]).sum() for name in after))
        np.testing.assert_allclose(length, spec.max_grad_norm, rtol=1e-9)
        before = after


def _check_20_steps(build: Build, spec: ModelSpec, dtype: str, learning_rate: float) -> None:
    ours, theirs = start(build, spec, dtype), start(build_reference, spec)
    losses, expected = ours.train(batches(20), learning_rate), theirs.train(batches(20), learning_rate)
    untrained = start(build_reference, spec).train(batches(20), learning_rate=0.0)
    assert abs(expected[-1] / untrained[-1] - 1) > 0.01, "training must change the model, or nothing is compared"
    for step, (loss, expected_loss) in enumerate(zip(losses, expected, strict=True), start=1):
        assert_close(f"loss of step {step}", loss, expected_loss, TOLERANCE_AFTER_20_STEPS[dtype])

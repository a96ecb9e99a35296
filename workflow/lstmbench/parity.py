"""What it means that two implementations are the same: small models, data, and what they make of them.

Every comparison takes ``build``, which makes the learner in question, and sets what it computes beside what the NumPy
reference computes in float64 from the same weights, so the differences found in float32 are those of the learner alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

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

Comparison = tuple[str, np.ndarray, np.ndarray]
"""What is compared, what was found, what the reference says."""


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
    """The largest difference, in parts of the largest expected value; infinite if shapes differ or a NaN is found."""
    if np.shape(found) != np.shape(expected) or np.isnan(found).any():
        return float("inf")
    difference = float(np.max(np.abs(found - expected)))
    return difference and difference / float(np.max(np.abs(expected)))


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


def one_step(build: Build, spec: ModelSpec, dtype: str) -> Iterator[Comparison]:
    """One step of SGD at rate 1 without a clip: the loss, the gradients (the weights' change) and the state."""
    before, state = random_weights(spec), random_state(spec)
    ours, theirs = start(build, spec, dtype, state=state), start(build_reference, spec, state=state)
    yield "loss", ours.train(batches(1)), theirs.train(batches(1))
    after, expected_after = ours.learner.weights(), theirs.learner.weights()
    for name, value in before.items():
        yield f"gradient of {name}", value - after[name].astype(np.float64), value - expected_after[name]
    if spec.stateful:
        yield from states(ours, theirs)


def evaluation(build: Build, spec: ModelSpec, dtype: str) -> Iterator[Comparison]:
    """Three batches: the sums of losses, the numbers of correct predictions, and the state."""
    state = random_state(spec)
    ours, theirs = start(build, spec, dtype, state=state), start(build_reference, spec, state=state)
    (sums, correct), (expected_sums, expected_correct) = ours.evaluate(batches(3)), theirs.evaluate(batches(3))
    yield "summed losses", sums, expected_sums
    yield "correct predictions", correct, expected_correct
    if spec.stateful:
        yield from states(ours, theirs)


def twenty_steps(build: Build, spec: ModelSpec, dtype: str, learning_rate: float) -> Iterator[Comparison]:
    """The loss of each of 20 steps."""
    ours, theirs = start(build, spec, dtype), start(build_reference, spec)
    losses, expected = ours.train(batches(20), learning_rate), theirs.train(batches(20), learning_rate)
    for step, (loss, expected_loss) in enumerate(zip(losses, expected, strict=True), start=1):
        yield f"loss of step {step}", loss, expected_loss


def states(ours: Run, theirs: Run) -> Iterator[Comparison]:
    """Hidden and cell state of every layer."""
    for layer, (pair, expected) in enumerate(zip(ours.state_arrays(), theirs.state_arrays(), strict=True)):
        for part, one, other in zip(("hidden", "cell"), pair, expected, strict=True):
            yield f"{part} state of layer {layer}", one, other


def tolerance(what: str, dtype: str) -> float:
    """The largest relative error of a comparison that counts as none."""
    if what == "correct predictions":
        return 0.0
    kinds = {"gradient of": TOLERANCE_OF_GRADIENTS, "loss of step": TOLERANCE_AFTER_20_STEPS}
    return next((kind for start, kind in kinds.items() if what.startswith(start)), TOLERANCE_OF_LOSSES)[dtype]

"""Compare a learner with the NumPy reference on small models and data, within derived tolerances.

Every comparison takes ``build``, which makes the learner.  It compares the learner's values with those of the NumPy
reference, which computes in float64 from the same weights.  So all differences found in float32 are the learner's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from lstmbench.implementations import reference
from lstmbench.models.learner import Examples, Learner, ModelSpec
from lstmbench.models.weights import shapes

Build = Callable[..., Learner]
"""build(spec, dtype="float64", seed=0) -> a learner that has loaded no weights yet."""

BATCH, STEPS, EXAMPLES = 3, 5, 12

# No two sizes are equal, so that a swapped axis is noticed.  The loss scale makes gradients as large as the weights, so
# that the change of the weights shows them without losing digits.
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

# The tolerances of tf32 and bfloat16 are derived from the rounding of operands (test_tolerances.py emulates it):
#
# - One rounding changes a number by at most a part u of it (Higham 2002, Accuracy and Stability, theorem 2.2).
#   bfloat16 has 7 bits of mantissa and rounds to nearest: u = 2^-8.  TF32 has 10 bits: u = 2^-11, but twice that if a
#   kernel cuts the other bits off, so 2^-10 is taken.
# - Signs behave as if random: n roundings add up to sqrt(n) u, not n u (Higham & Mary 2019, doi:10.1137/18M1226312).
#   The safety factor is 2.4: rounding to nearest has a root mean square of 0.42 u, and u is taken.
# - A cell rounds the operands of its two products: x, kernel, h, recurrent (4).  A framework's LSTM in bfloat16 also
#   rounds results, x and h among them: kernel, recurrent, z, gate, product with the gate, c, tanh(c), h (8).
# - A forget gate of about 1/2 halves an error per step.  Squares add up: 1 + 1/4 + 1/16 + ... = 4/3 cells per layer.
# - State: the forward pass of 2 layers.  Gradient: as many again in the backward pass, and the 2 of the last product.
# - Loss: a logit errs by the state's part of itself, and before training logits are a third of the loss in size (root
#   mean square).  That errors of several predictions cancel in the mean is a further reserve.
# - Loss of step k <= 20: its own error, and that of the weights.  sqrt(20) updates of length 0.2 (the clip; Adam's are
#   as long), by gradients that err by 0.42 of their tolerance, change the loss by up to 0.6 of itself per unit of
#   length: sqrt(20) * 0.2 * 0.42 * 0.6 = 0.23 of the gradients' tolerance; 1/4 is taken.
ROUNDINGS = {"tf32": (2.0**-10, 4), "bfloat16": (2.0**-8, 8)}
"""Precision -> unit roundoff u and roundings per cell."""

_LAYERS, _CELLS = 2, 4 / 3
_OF_STATES = {name: u * math.sqrt(_LAYERS * _CELLS * n) for name, (u, n) in ROUNDINGS.items()}
_OF_GRADIENTS = {name: u * math.sqrt(2 * _LAYERS * _CELLS * n + 2) for name, (u, n) in ROUNDINGS.items()}
_OF_LOSSES = {name: value / 3 for name, value in _OF_STATES.items()}

TOLERANCE_OF_LOSSES = {"float32": 5e-6, "float64": 1e-12, **_OF_LOSSES}  # tf32 1.1e-3, bfloat16 6.0e-3
TOLERANCE_OF_STATES = {"float32": 5e-6, "float64": 1e-12, **_OF_STATES}  # tf32 3.2e-3, bfloat16 1.8e-2
TOLERANCE_OF_GRADIENTS = {"float32": 1e-5, "float64": 1e-12, **_OF_GRADIENTS}  # tf32 4.7e-3, bfloat16 2.6e-2
TOLERANCE_AFTER_20_STEPS = {  # tf32 2.2e-3, bfloat16 1.3e-2
    "float32": 1e-5,
    "float64": 1e-11,
    **{name: _OF_LOSSES[name] + _OF_GRADIENTS[name] / 4 for name in ROUNDINGS},
}

CUDNN_FLOAT32 = {
    name: 2.0**-16 / ROUNDINGS["tf32"][0] * table["tf32"]
    for name, table in (("state", _OF_STATES), ("gradient", _OF_GRADIENTS))
}
"""Known deviation: cuDNN's LSTM in float32 with TF32 off exceeds the tolerance of float32, within these bounds.

The bounds were set after a measurement, not derived.  On an NVIDIA H200 (cuDNN 9.19, PyTorch 2.11) states err by 1.8e-5
and, if sizes are multiples of 32, by 4.3e-5; gradients err by 1.1e-5 and 4.1e-5.  PyTorch's own CUDA LSTM errs by 3e-7
on the same card, and NVIDIA_TF32_OVERRIDE=0 has no effect.  Operands seem to have 16 bits, so the formula of tf32 is
used with u = 2^-16: states 5.0e-5, gradients 7.4e-5.  The tolerance does not change; certificates show the excess.
"""

Comparison = tuple[str, np.ndarray, np.ndarray]
"""(what is compared, value found, value of the reference)."""


def build_reference(spec: ModelSpec, dtype: str = "float64", seed: int = 0) -> Learner:
    """Build a learner of the NumPy reference."""
    return reference.Learner(spec, "cpu", seed, dtype)


def random_weights(spec: ModelSpec) -> dict[str, np.ndarray]:
    """Draw float32 weights and biases, far enough from zero for every gate to matter."""
    stream = np.random.default_rng(1)
    return {name: stream.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes(spec).items()}


def examples(spec: ModelSpec) -> Examples:
    """Draw ``EXAMPLES`` examples; ids are from the lower half of the vocabulary, so that they repeat within a batch."""
    stream = np.random.default_rng(2)
    if spec.embedding:
        inputs = stream.integers(0, spec.output_size // 2, (EXAMPLES, STEPS)).astype(np.int32)
    else:
        inputs = stream.standard_normal((EXAMPLES, STEPS, spec.input_size)).astype(np.float32)
    shape = (EXAMPLES, STEPS) if spec.every_step else (EXAMPLES,)
    return Examples(inputs, stream.integers(0, spec.output_size, shape).astype(np.int32))


def batches(steps: int) -> np.ndarray:
    """Return example numbers, int32[steps, BATCH], without repetition within a batch."""
    stream = np.random.default_rng(3)
    return np.array([stream.permutation(EXAMPLES)[:BATCH] for _ in range(steps)], np.int32)


def random_state(spec: ModelSpec) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the arrays of a nonzero state, float32, for ``load_state``."""
    stream = np.random.default_rng(4)
    shape = (2, BATCH, spec.hidden_size)
    layers = [stream.uniform(-0.9, 0.9, shape).astype(np.float32) for _ in range(spec.num_layers)]
    return [(hidden, cell) for hidden, cell in layers]


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference / the largest expected value; infinite if shapes differ or ``found`` has a NaN."""
    if np.shape(found) != np.shape(expected) or np.isnan(found).any():
        return float("inf")
    difference = float(np.max(np.abs(found - expected)))
    return difference and difference / float(np.max(np.abs(expected)))


@dataclasses.dataclass
class Run:
    """A learner with loaded weights, its placed data and its present state."""

    learner: Learner
    data: object
    state: object

    def train(self, rows: np.ndarray, learning_rate: float = 1.0) -> np.ndarray:
        """Train one block from the present state; return the losses, float[steps]."""
        losses, self.state = self.learner.train_block(self.data, rows, self.state, learning_rate)
        return losses

    def evaluate(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate one block from the present state; return summed losses, float[steps], and correct, int[steps]."""
        sums, correct, self.state = self.learner.eval_block(self.data, rows, self.state)
        return sums, correct

    def state_arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the present state."""
        return self.learner.state_arrays(self.state)


def start(
    build: Build,
    spec: ModelSpec,
    dtype: str = "float64",
    seed: int = 0,
    weights: dict[str, np.ndarray] | None = None,
    state: list[tuple[np.ndarray, np.ndarray]] | None = None,
) -> Run:
    """Build a learner, load weights (default: ``random_weights``) and state (default: zero), and place ``examples``."""
    learner = build(spec, dtype=dtype, seed=seed)
    learner.load_weights(random_weights(spec) if weights is None else weights)
    first = learner.initial_state(BATCH) if state is None else learner.load_state(state)
    return Run(learner, learner.place(examples(spec)), first)


def one_step(build: Build, spec: ModelSpec, dtype: str) -> Iterator[Comparison]:
    """Compare one step of SGD at rate 1 without clipping: loss, gradients (the change of the weights) and state."""
    before, state = random_weights(spec), random_state(spec)
    ours, theirs = start(build, spec, dtype, state=state), start(build_reference, spec, state=state)
    yield "loss", ours.train(batches(1)), theirs.train(batches(1))
    after, expected_after = ours.learner.weights(), theirs.learner.weights()
    for name, value in before.items():
        yield f"gradient of {name}", value - after[name].astype(np.float64), value - expected_after[name]
    if spec.stateful:
        yield from states(ours, theirs)


def evaluation(build: Build, spec: ModelSpec, dtype: str) -> Iterator[Comparison]:
    """Compare an evaluation of three batches: summed losses, numbers of correct predictions, and the state."""
    state = random_state(spec)
    ours, theirs = start(build, spec, dtype, state=state), start(build_reference, spec, state=state)
    (sums, correct), (expected_sums, expected_correct) = ours.evaluate(batches(3)), theirs.evaluate(batches(3))
    yield "summed losses", sums, expected_sums
    yield "correct predictions", correct, expected_correct
    if spec.stateful:
        yield from states(ours, theirs)


def twenty_steps(build: Build, spec: ModelSpec, dtype: str, learning_rate: float) -> Iterator[Comparison]:
    """Compare the loss of each of 20 training steps."""
    ours, theirs = start(build, spec, dtype), start(build_reference, spec)
    losses, expected = ours.train(batches(20), learning_rate), theirs.train(batches(20), learning_rate)
    for step, (loss, expected_loss) in enumerate(zip(losses, expected, strict=True), start=1):
        yield f"loss of step {step}", loss, expected_loss


def states(ours: Run, theirs: Run) -> Iterator[Comparison]:
    """Compare the hidden and the cell state of every layer."""
    for layer, (pair, expected) in enumerate(zip(ours.state_arrays(), theirs.state_arrays(), strict=True)):
        for part, one, other in zip(("hidden", "cell"), pair, expected, strict=True):
            yield f"{part} state of layer {layer}", one, other


def tolerance(what: str, dtype: str) -> float:
    """Return the largest relative error of a comparison that rounding in ``dtype`` explains.

    Numbers of correct predictions must be equal in every precision: no prediction here is so close to another that
    rounding to bfloat16 makes it wrong (tests/contract/test_tolerances.py).
    """
    if what == "correct predictions":
        return 0.0
    kinds = {
        "gradient of": TOLERANCE_OF_GRADIENTS,
        "loss of step": TOLERANCE_AFTER_20_STEPS,
        "hidden state": TOLERANCE_OF_STATES,
        "cell state": TOLERANCE_OF_STATES,
    }
    return next((kind for start, kind in kinds.items() if what.startswith(start)), TOLERANCE_OF_LOSSES)[dtype]

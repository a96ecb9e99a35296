"""Check that the tolerances of tf32 and bfloat16 are neither too tight nor too loose, by emulated rounding in NumPy.

These tests run no implementation and no GPU.  They run the reference in float64 and round what a GPU rounds, which
shows how far from the reference a healthy implementation may come.  ``parity.comparison`` derives the tolerances.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from lstmbench.implementations import reference
from lstmbench.parity import comparison
from lstmbench.parity.certificate import CLIP
from lstmbench.parity.comparison import CLASSIFIER, LANGUAGE_MODEL, ROUNDINGS, Build
from lstmbench.system.device import PRECISIONS
from tests.helpers import checks, mutants
from tests.helpers.checks import two_layer_model

BITS = {"tf32": 10, "bfloat16": 7}
"""Explicit bits of the mantissa: NVIDIA's A100 whitepaper, 2020 (TF32); Kalamkar et al. 2019, arXiv:1905.12322."""

DRAWS = 20
"""Ways in which kernels may round.

200 of them used up to 0.59 of a tolerance of tf32 (gradients), and 0.94 of one of bfloat16 (the state, where every
result is rounded).  In bfloat16 PyTorch and TensorFlow use up to 0.65 on a CPU (gradients).
"""


def rounded(value: np.ndarray, bits: int, cut_off: bool = False) -> np.ndarray:
    """Round ``value`` to ``bits`` explicit bits of mantissa: to nearest with ties to even, or cut off."""
    mantissa, exponent = np.frexp(value)
    scale = 2.0 ** (bits + 1)  # frexp's mantissa is below 1: its first bit is the implicit one
    return np.ldexp((np.trunc if cut_off else np.rint)(mantissa * scale) / scale, exponent)


class Low(np.ndarray):
    """An array of float64 whose matrix products round their operands; results made from it are of its kind."""

    operand: Callable[[np.ndarray], np.ndarray]
    result: Callable[[np.ndarray, bool], np.ndarray]

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        product = ufunc is np.matmul
        plain = [as_plain(value) for value in inputs]
        value = getattr(ufunc, method)(*(map(self.operand, plain) if product else plain), **options)
        if value is None:  # add.at
            return None
        value = np.asarray(self.result(value, product)).view(type(self))
        if out is None:
            return value
        out[0][...] = value
        return out[0]

    def __array_function__(self, function, types, inputs, options):
        if function is not np.einsum:
            return super().__array_function__(function, types, inputs, options)
        formula, *operands = inputs
        value = np.einsum(formula, *(self.operand(as_plain(value)) for value in operands))
        return self.result(value, True).view(type(self))


def as_plain(value):
    return value.view(np.ndarray) if isinstance(value, Low) else value


def kind(precision: str, bits: int, draw: int) -> type[Low]:
    """Return a type of array that rounds as one of many possible kernels does.

    tf32: each operand to nearest (draw 0), cut off (draw 1), or one of them by chance.  bfloat16: operands and products
    to nearest, and of all other results in the model all (draw 0: a framework's LSTM, operation by operation), none
    (draw 1: products alone) or each by chance, as a kernel may do several operations at once.
    """
    stream = np.random.default_rng(draw)

    def chance() -> bool:
        return draw == 1 if draw < 2 else bool(stream.integers(2))

    class Tf32(Low):
        operand = staticmethod(lambda value: rounded(value, bits, cut_off=chance()))
        result = staticmethod(lambda value, product: value)

    class Bfloat16(Low):
        operand = staticmethod(lambda value: rounded(value, bits))
        result = staticmethod(lambda value, product: rounded(value, bits) if product or not chance() else value)

    return {"tf32": Tf32, "bfloat16": Bfloat16}[precision]


def emulated(
    precision: str, draw: int = 0, fewer_bits: int = 0, learner: type[reference.Learner] = reference.Learner
) -> Build:
    """Make a reference, or a mutant of it, that computes its model in ``precision``, and loss and update in float64."""
    low = kind(precision, BITS[precision] - fewer_bits, draw)

    class Emulated(learner):
        def _lstm_weights(self, layer):
            return tuple(weight.view(low) for weight in super()._lstm_weights(layer))

        def _forward(self, inputs, state, masks):
            logits, state, trace = super()._forward(inputs, state, masks)
            return as_plain(logits), state, trace

        def _backward(self, d_logits, trace):
            return {name: as_plain(value) for name, value in super()._backward(d_logits.view(low), trace).items()}

        def state_arrays(self, state):
            return [tuple(as_plain(part) for part in pair) for pair in super().state_arrays(state)]

    return lambda spec, dtype="float64", seed=0: Emulated(spec, "cpu", seed, "float64")


@pytest.fixture(autouse=True)
def sigmoid_is_one_operation(monkeypatch):
    """Round a sigmoid once, as a framework does, not at each operation of the reference's formula."""
    exact = reference._sigmoid

    def sigmoid(z):
        value = exact(as_plain(z))
        return z.result(value, False).view(type(z)) if isinstance(z, Low) else value

    monkeypatch.setattr(reference, "_sigmoid", sigmoid)


def used(build: Build, spec, precision: str) -> Counter:
    """Return per kind of tolerance the largest error as a part of it."""
    clipped = dataclasses.replace(spec, max_grad_norm=CLIP)
    adam = dataclasses.replace(clipped, optimizer="adam")
    result = Counter()
    for compared in (
        comparison.one_step(build, spec, precision),
        comparison.evaluation(build, spec, precision),
        comparison.twenty_steps(build, clipped, precision, learning_rate=1.0),
        comparison.twenty_steps(build, adam, precision, learning_rate=0.01),
    ):
        for what, found, expected in compared:
            error, allowed = comparison.relative_error(found, expected), comparison.tolerance(what, precision)
            part = error / allowed if allowed else float("inf") if error else 0.0
            words = ("correct predictions", "gradient", "state", "loss of step")
            kind = next((word for word in words if word in what), "loss")
            result[kind] = max(result[kind], part)
    return result


any_low = pytest.mark.parametrize("precision", ROUNDINGS)


@pytest.mark.parametrize("dtype", [*PRECISIONS, "float64"])
@pytest.mark.parametrize("what", ["loss", "summed losses", "cell state of layer 0", "gradient of x", "loss of step 20"])
def test_every_precision_has_every_tolerance(what, dtype):
    assert 0 < comparison.tolerance(what, dtype) <= 0.03


@any_low
def test_emulated_rounding_stays_within_the_tolerances_and_uses_a_fair_part_of_each(precision):
    worst = Counter()
    for draw in range(DRAWS):
        for spec in (LANGUAGE_MODEL, CLASSIFIER):
            worst |= used(emulated(precision, draw), spec, precision)
    assert worst.pop("correct predictions", 0.0) == 0.0
    assert set(worst) == {"loss", "state", "gradient", "loss of step"}
    assert all(0.05 < part < 1 for part in worst.values()), worst


@any_low
@two_layer_model
def test_products_in_a_format_of_three_bits_fewer_fail(precision, spec):
    checks.check_one_step(emulated(precision), spec, precision)
    for draw in range(2):
        with pytest.raises(AssertionError, match="relative error"):
            checks.check_one_step(emulated(precision, draw, fewer_bits=3), spec, precision)


@any_low
@pytest.mark.parametrize(
    ("mutant", "check"),
    [pair for pair in mutants.CAUGHT if pair[0] not in (mutants.UnmergedClip, mutants.ForgottenState)],
)
@two_layer_model
def test_a_mistake_fails_the_check_beside_the_rounding_too(mutant, check, precision, spec):
    check(emulated(precision), spec, precision)
    with pytest.raises(AssertionError, match="relative error"):
        check(emulated(precision, learner=mutant), spec, precision)


@two_layer_model
def test_no_prediction_is_so_close_that_rounding_turns_it(spec, monkeypatch):
    margins, largest = [], []

    def spy(logits, targets, original=reference._cross_entropy):
        places = targets[..., np.newaxis]
        others = logits.copy()
        np.put_along_axis(others, places, -np.inf, -1)
        margins.append(np.abs(np.take_along_axis(logits, places, -1)[..., 0] - others.max(-1)).min())
        largest.append(np.abs(logits).max())
        return original(logits, targets)

    monkeypatch.setattr(reference, "_cross_entropy", spy)
    comparison.start(comparison.build_reference, spec, state=comparison.random_state(spec)).evaluate(
        comparison.batches(3)
    )
    assert min(margins) > 2 * comparison.TOLERANCE_OF_STATES["bfloat16"] * max(largest)  # both logits may err


@two_layer_model
def test_the_sizes_that_the_derivation_uses_are_those_of_the_models(spec):
    norms, logits, forget = [], [], []

    class Watched(reference.Learner):
        def _global_norm(self, gradients):
            norms.append(super()._global_norm(gradients) / self.spec.loss_scale)
            return super()._global_norm(gradients)

        def _forward(self, inputs, state, masks):
            found = super()._forward(inputs, state, masks)
            logits.append(np.sqrt(np.square(found[0]).mean()))
            forget.extend(step[4].mean() for layer in found[2]["layers"] for step in layer)
            return found

    clipped = dataclasses.replace(spec, max_grad_norm=CLIP)
    losses = comparison.start(mutants.builder(Watched), clipped).train(comparison.batches(20), 1.0)
    assert np.sqrt(np.square(norms / losses).mean()) < 0.6
    assert logits[0] / losses[0] < 0.36
    assert np.mean(forget) == pytest.approx(0.5, abs=0.1)

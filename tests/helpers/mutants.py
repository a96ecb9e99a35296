"""The NumPy reference with one well-known mistake each."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from lstmbench.implementations import reference
from lstmbench.models.learner import ModelSpec
from lstmbench.parity.comparison import Build
from tests.helpers import checks


class SwappedGates(reference.Learner):
    """Reads the gates in the order i g f o, as tf.nn.rnn_cell held them."""

    def load_weights(self, weights):
        super().load_weights(self._swapped(weights))

    def weights(self):
        return self._swapped(super().weights())

    def _swapped(self, weights):
        def swap(value):
            i, second, third, o = np.split(value, 4, -1)
            return np.concatenate([i, third, second, o], -1)

        return {name: swap(value) if name.startswith("lstm.") else value for name, value in weights.items()}


class SecondTrainedBias(reference.Learner):
    """Adds two biases per layer and trains both, as torch.nn.LSTM does: their sum moves twice as far."""

    def _global_norm(self, gradients):
        biases = {f"second {name}": value for name, value in gradients.items() if self._has_second(name)}
        return super()._global_norm(gradients | biases)

    def _update(self, gradients, learning_rate):
        before = self.weights()
        super()._update(gradients, learning_rate)
        for name in filter(self._has_second, before):
            self._weights[name] += self._weights[name] - before[name]

    @staticmethod
    def _has_second(name):
        return name.startswith("lstm.") and name.endswith(".bias")


class ForgetBiasOne(reference.Learner):
    """Adds 1 to the forget gate inside the cell, as Keras and tf.nn.rnn_cell do unless told not to."""

    def _lstm_weights(self, layer):
        kernel, recurrent, bias = super()._lstm_weights(layer)
        hidden = self.spec.hidden_size
        return kernel, recurrent, bias + np.repeat([0, 1, 0, 0], hidden).astype(self.dtype)


class UnmergedClip(reference.Learner):
    """Takes the norm of the embedding's gradient row by row as words occur, as tf.clip_by_global_norm does."""

    def _embedding_gradient(self, ids, d_x):
        self._rows = d_x
        return super()._embedding_gradient(ids, d_x)

    def _global_norm(self, gradients):
        return super()._global_norm(gradients | {"embedding": self._rows})


class SinglePrecisionClip(reference.Learner):
    """Takes the norm in float32, whatever the gradients are."""

    def _global_norm(self, gradients):
        return float(np.float32(super()._global_norm(gradients)))


class PaddedClip(reference.Learner):
    """Divides by the norm plus 1e-6, as torch.nn.utils.clip_grad_norm_ does."""

    def _global_norm(self, gradients):
        return super()._global_norm(gradients) + 1e-6


class ClipPerVariable(reference.Learner):
    """Clips each variable by its own norm, as Keras's clipnorm does."""

    def _clip(self, gradients):
        for name, gradient in gradients.items():
            super()._clip({name: gradient})


class CorrectedEpsilon(reference.Learner):
    """Adds Adam's epsilon after the bias correction, as torch.optim.Adam does."""

    def _update(self, gradients, learning_rate):
        # Epsilon hat and this epsilon differ by a factor that changes from update to update.
        epsilon, reference.EPSILON = (
            reference.EPSILON,
            reference.EPSILON * math.sqrt(1 - reference.BETA_2 ** (self.updates + 1)),
        )
        try:
            super()._update(gradients, learning_rate)
        finally:
            reference.EPSILON = epsilon


class UnscaledLoss(reference.Learner):
    """Forgets the objective's scale."""

    def __init__(self, spec: ModelSpec, *rest):
        super().__init__(dataclasses.replace(spec, loss_scale=1.0), *rest)


class ForgottenState(reference.Learner):
    """Starts every batch from zero."""

    def __init__(self, spec: ModelSpec, *rest):
        super().__init__(dataclasses.replace(spec, stateful=False), *rest)


def builder(mutant: type[reference.Learner]) -> Build:
    return lambda spec, dtype="float64", seed=0: mutant(spec, "cpu", seed, dtype)


class NoDropout(reference.Learner):
    """Has no dropout at all."""

    def _dropout_masks(self, steps, batch):
        return [1.0] * (self.spec.num_layers + 1)


class NoDropoutAtTheEnd(reference.Learner):
    """Leaves the last layer's output whole, as torch.nn.LSTM's own dropout does."""

    def _dropout_masks(self, steps, batch):
        return [*super()._dropout_masks(steps, batch)[:-1], 1.0]


class NoDropoutAtTheStart(reference.Learner):
    """Leaves the embedding whole."""

    def _dropout_masks(self, steps, batch):
        return [1.0, *super()._dropout_masks(steps, batch)[1:]]


class NoDropoutBetweenLayers(reference.Learner):
    """Drops only before the first layer and after the last."""

    def _dropout_masks(self, steps, batch):
        first, *_, last = super()._dropout_masks(steps, batch)
        return [first, *[1.0] * (self.spec.num_layers - 1), last]


class InputAlwaysDropped(reference.Learner):
    """Ignores that input_dropout is off."""

    def __init__(self, spec: ModelSpec, *rest):
        super().__init__(dataclasses.replace(spec, input_dropout=True), *rest)


class RecurrentDropout(reference.Learner):
    """Drops what a layer hands to itself from batch to batch, too."""

    def _forward(self, inputs, state, masks):
        mask = masks[-1] if np.ndim(masks[-1]) == 0 else masks[-1][0]
        return super()._forward(inputs, [(hidden * mask, cell) for hidden, cell in state], masks)


class SameMaskAtEveryStep(reference.Learner):
    """Draws one mask for all time steps ("variational" dropout)."""

    def _dropout_masks(self, steps, batch):
        masks = super()._dropout_masks(steps, batch)
        return [mask if np.ndim(mask) == 0 else np.repeat(mask[:1], steps, 0) for mask in masks]


class SameMaskAtEveryUpdate(reference.Learner):
    """Never moves its generator on."""

    def _update(self, gradients, learning_rate):
        super()._update(gradients, learning_rate)
        self.updates = 0


class SameMaskInEveryLayer(reference.Learner):
    """Seeds all layers alike."""

    def _dropout_masks(self, steps, batch):
        first, second, *rest = super()._dropout_masks(steps, batch)
        return [first, first if np.shape(first) == np.shape(second) else second, *rest]


class UnscaledDropout(reference.Learner):
    """Does not divide what is kept by keep_prob."""

    def _dropout_masks(self, steps, batch):
        return [mask * self.spec.keep_prob if np.ndim(mask) else mask for mask in super()._dropout_masks(steps, batch)]


class KeepAndDropSwapped(reference.Learner):
    """Takes keep_prob for the probability to drop."""

    def __init__(self, spec: ModelSpec, *rest):
        swapped = 1.0 - spec.keep_prob if spec.keep_prob < 1 else 1.0
        super().__init__(dataclasses.replace(spec, keep_prob=swapped), *rest)


class IgnoredSeed(reference.Learner):
    """Has one seed for all."""

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str):
        super().__init__(spec, device, 0, dtype)


class DropoutInEvaluation(reference.Learner):
    """Evaluates as it trains."""

    def _forward(self, inputs, state, masks):
        return super()._forward(inputs, state, self._dropout_masks(inputs.shape[1], len(inputs)))


CAUGHT = [
    (SwappedGates, checks.check_one_step),
    (SwappedGates, checks.check_evaluation),
    (SecondTrainedBias, checks.check_one_step),
    (SecondTrainedBias, checks.check_clipped_sgd),
    (SecondTrainedBias, checks.check_adam),
    (ForgetBiasOne, checks.check_one_step),
    (ForgetBiasOne, checks.check_evaluation),
    (UnmergedClip, checks.check_clipped_sgd),
    (ClipPerVariable, checks.check_clipped_sgd),
    (UnscaledLoss, checks.check_one_step),
    (ForgottenState, checks.check_one_step),
    (ForgottenState, checks.check_evaluation),
]
"""Each mistake with a check that it fails."""

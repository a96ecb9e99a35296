"""Implement the LSTM in plain NumPy, with every formula by hand: slow, exact, and the file to read first.

``tests/contract`` holds the other implementations to this one.  Inside, arrays are time-major, [steps, batch, ...],
because the recurrence runs over time.  d_x is the gradient of the objective by x, and has the shape of x.

Sources: the cell is that of Zaremba et al. 2014, section 3 (arXiv:1409.2329).  Gradient clipping is algorithm 1 of
Pascanu et al. 2013 (arXiv:1211.5063).  Adam is the end of section 2 of Kingma & Ba 2015 (arXiv:1412.6980).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lstmbench.models import learner
from lstmbench.models.learner import Examples, ModelSpec, override
from lstmbench.models.weights import shapes
from lstmbench.utils.errors import MachineError

EXPECTED_KERNELS = {"cpu": ("NumPy, loop over time", "matmul")}

State = list[tuple[np.ndarray, np.ndarray]]
"""Per layer hidden and cell state, both [batch, hidden]; never changed in place."""

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def configure(threads: int) -> None:
    """Do nothing: NumPy's BLAS reads OMP_NUM_THREADS when it is loaded, and cannot be changed afterwards."""


def has_gpu() -> bool:
    """Return False: NumPy cannot use a GPU."""
    return False


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a result depends on."""
    return {"numpy": np.__version__}


class Learner(learner.Learner):
    """Train by formulas that are written out."""

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        if device != "cpu":
            raise MachineError(f"implementation reference runs on the cpu only, device {device} was asked for")
        super().__init__(spec, device, seed, dtype)
        self.dtype = np.dtype(dtype)
        self.seed = seed
        self.updates = 0
        self._weights = self._zeros()
        if spec.optimizer == "adam":
            self._first_moment, self._second_moment = self._zeros(), self._zeros()

    @override
    def load_weights(self, weights: dict[str, np.ndarray]) -> None:
        self._weights = {name: weights[name].astype(self.dtype) for name in self._weights}

    @override
    def weights(self) -> dict[str, np.ndarray]:
        return _copies(self._weights)

    @override
    def place(self, examples: Examples) -> Examples:
        inputs = examples.inputs if self.spec.embedding else examples.inputs.astype(self.dtype)
        return Examples(inputs, examples.targets)

    @override
    def initial_state(self, batch_size: int) -> State:
        zero = np.zeros((batch_size, self.spec.hidden_size), self.dtype)
        return [(zero, zero)] * self.spec.num_layers

    @override
    def load_state(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> State:
        return [(hidden.astype(self.dtype), cell.astype(self.dtype)) for hidden, cell in arrays]

    @override
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(hidden.copy(), cell.copy()) for hidden, cell in state]

    @override
    def train_block(
        self, data: Examples, batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        losses = []
        for rows in batches:
            masks = self._dropout_masks(steps=data.inputs.shape[1], batch=len(rows))
            logits, state, trace = self._forward(data.inputs[rows], state, masks)
            cross_entropy, d_logits = _cross_entropy(logits, self._time_major_targets(data, rows))
            d_logits *= self.spec.loss_scale / cross_entropy.size
            gradients = self._backward(d_logits, trace)
            self._clip(gradients)
            self._update(gradients, learning_rate)
            losses.append(cross_entropy.mean())
        return np.array(losses), state

    @override
    def eval_block(self, data: Examples, batches: np.ndarray, state: State) -> tuple[np.ndarray, np.ndarray, State]:
        losses, correct = [], []
        no_masks = [1.0] * (self.spec.num_layers + 1)
        for rows in batches:
            logits, state, _ = self._forward(data.inputs[rows], state, no_masks)
            targets = self._time_major_targets(data, rows)
            losses.append(_cross_entropy(logits, targets)[0].sum())
            correct.append((logits.argmax(-1) == targets).sum())
        return np.array(losses), np.array(correct), state

    @override
    def training_state(self) -> dict[str, np.ndarray]:
        result = {"seed": np.array(self.seed), "updates": np.array(self.updates)}
        if self.spec.optimizer == "adam":
            for name in self._weights:
                result[f"first_moment.{name}"] = self._first_moment[name].copy()
                result[f"second_moment.{name}"] = self._second_moment[name].copy()
        return result

    @override
    def load_training_state(self, state: dict[str, np.ndarray]) -> None:
        self.seed, self.updates = int(state["seed"]), int(state["updates"])
        if self.spec.optimizer == "adam":
            self._first_moment = {name: state[f"first_moment.{name}"].copy() for name in self._weights}
            self._second_moment = {name: state[f"second_moment.{name}"].copy() for name in self._weights}

    def _zeros(self) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, self.dtype) for name, shape in shapes(self.spec).items()}

    def _time_major_targets(self, data: Examples, rows: np.ndarray) -> np.ndarray:
        """Return the targets int32[predicted steps, batch] of a batch: all steps, or one."""
        targets = data.targets[rows]
        return targets.T if self.spec.every_step else targets[np.newaxis]

    def _dropout_masks(self, steps: int, batch: int) -> list[Any]:
        """Return one factor for the first layer's input and one for each layer's output: an array of its shape, or 1.0.

        An array holds 0 (dropped) or 1 / keep_prob (kept), so that the expected value is unchanged.
        Philox is a function of a key and a counter, so the seed and the number of updates are its whole state,
        and masks are the same in float32 and float64.
        """
        spec = self.spec
        stream = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, self.updates]))
        masks: list[Any] = []
        for width in [spec.input_size] + [spec.hidden_size] * spec.num_layers:
            kept = stream.random((steps, batch, width)) < spec.keep_prob
            masks.append((kept / spec.keep_prob).astype(self.dtype))
        if not spec.input_dropout:
            masks[0] = 1.0
        return masks

    def _forward(self, inputs: np.ndarray, state: State, masks: list[Any]) -> tuple[np.ndarray, State, dict[str, Any]]:
        """Return logits [predicted steps, batch, output_size], the new state, and what ``_backward`` needs.

        inputs: ids int32[batch, steps], or features [batch, steps, input_size].
        """
        weights = self._weights
        if not self.spec.stateful:
            state = self.initial_state(len(inputs))
        inputs = inputs.swapaxes(0, 1)
        x = (weights["embedding"][inputs] if self.spec.embedding else inputs) * masks[0]
        new_state, layers = [], []
        for layer, (hidden, cell) in enumerate(state):
            outputs, last, steps = _lstm_forward(x, hidden, cell, *self._lstm_weights(layer))
            x = outputs * masks[layer + 1]
            new_state.append(last)
            layers.append(steps)
        predicting = x if self.spec.every_step else x[-1:]
        # One product for all steps: NumPy would compute one per step of a three-dimensional array.
        flat = predicting.reshape(-1, self.spec.hidden_size)
        logits = flat @ weights["output.kernel"] + weights["output.bias"]
        logits = logits.reshape(*predicting.shape[:-1], self.spec.output_size)
        return logits, new_state, {"inputs": inputs, "masks": masks, "layers": layers, "outputs": x}

    def _backward(self, d_logits: np.ndarray, trace: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the gradients of the objective by every weight, from d_logits[predicted steps, batch, output_size].

        The chain rule from the end of ``_forward`` to its start.
        """
        outputs, masks = trace["outputs"], trace["masks"]
        predicting = slice(None) if self.spec.every_step else slice(-1, None)
        gradients = {
            "output.kernel": np.einsum("tbh,tbv->hv", outputs[predicting], d_logits),
            "output.bias": d_logits.sum((0, 1)),
        }
        d_x = np.zeros_like(outputs)
        d_x[predicting] = d_logits @ self._weights["output.kernel"].T
        for layer in reversed(range(self.spec.num_layers)):
            kernel, recurrent, _ = self._lstm_weights(layer)
            d_x, *of_layer = _lstm_backward(d_x * masks[layer + 1], trace["layers"][layer], kernel, recurrent)
            for part, gradient in zip(("kernel", "recurrent", "bias"), of_layer, strict=True):
                gradients[f"lstm.{layer}.{part}"] = gradient
        if self.spec.embedding:
            gradients["embedding"] = self._embedding_gradient(trace["inputs"], d_x * masks[0])
        return gradients

    def _lstm_weights(self, layer: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kernel, recurrent, bias = (self._weights[f"lstm.{layer}.{part}"] for part in ("kernel", "recurrent", "bias"))
        return kernel, recurrent, bias

    def _embedding_gradient(self, ids: np.ndarray, d_x: np.ndarray) -> np.ndarray:
        """Return the gradient [output_size, input_size]: row w is the sum of d_x over all places where the id is w."""
        result = np.zeros_like(self._weights["embedding"])
        np.add.at(result, ids, d_x)
        return result

    def _global_norm(self, gradients: dict[str, np.ndarray]) -> float:
        """Return the norm of all gradients as one vector, summed in float64."""
        return math.sqrt(sum(np.square(gradient, dtype=np.float64).sum() for gradient in gradients.values()))

    def _clip(self, gradients: dict[str, np.ndarray]) -> None:
        """Scale all gradients by one factor, in place, so that their global norm is at most max_grad_norm."""
        limit = self.spec.max_grad_norm
        if limit is None:
            return
        norm = self._global_norm(gradients)
        if norm > limit:
            for gradient in gradients.values():
                gradient *= limit / norm

    def _update(self, gradients: dict[str, np.ndarray], learning_rate: float) -> None:
        """Change the weights, by SGD or by Adam.

            SGD     w <- w - rate * g
            Adam    m <- beta_1 * m + (1 - beta_1) * g
                    v <- beta_2 * v + (1 - beta_2) * g^2
                    w <- w - rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

        t counts updates from 1.  With the bias corrections in the rate, epsilon is the epsilon hat of
        Kingma & Ba.  TensorFlow has this form; PyTorch adds epsilon to the corrected sqrt(v).
        """
        self.updates += 1
        if self.spec.optimizer == "sgd":
            for name, gradient in gradients.items():
                self._weights[name] -= learning_rate * gradient
            return
        rate = learning_rate * math.sqrt(1.0 - BETA_2**self.updates) / (1.0 - BETA_1**self.updates)
        for name, gradient in gradients.items():
            first, second = self._first_moment[name], self._second_moment[name]
            first += (1.0 - BETA_1) * (gradient - first)
            second += (1.0 - BETA_2) * (gradient**2 - second)
            self._weights[name] -= rate * first / (np.sqrt(second) + EPSILON)


def _lstm_forward(
    x: np.ndarray, hidden: np.ndarray, cell: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], list[tuple[np.ndarray, ...]]]:
    """Run one layer over all time steps of x[steps, batch, inputs], from hidden h and cell c[batch, units].

        z = x_t @ kernel + h @ recurrent + bias     [batch, 4 * units], four gates side by side
        i, f, g, o = sigmoid(z_i), sigmoid(z_f), tanh(z_g), sigmoid(z_o)
        c <- f * c + i * g                          forget some of the old, let in some of the new
        h <- o * tanh(c)                            let out some of it

    Returns h of every step, the last (h, c), and per step what ``_lstm_backward`` needs.
    """
    outputs, steps = [], []
    for x_t in x:
        z_i, z_f, z_g, z_o = np.split(x_t @ kernel + hidden @ recurrent + bias, 4, axis=1)
        i, f, g, o = _sigmoid(z_i), _sigmoid(z_f), np.tanh(z_g), _sigmoid(z_o)
        hidden_before, cell_before = hidden, cell
        cell = f * cell_before + i * g
        hidden = o * np.tanh(cell)
        outputs.append(hidden)
        steps.append((x_t, hidden_before, cell_before, i, f, g, o, cell))
    return np.stack(outputs), (hidden, cell), steps


def _lstm_backward(
    d_outputs: np.ndarray, steps: list[tuple[np.ndarray, ...]], kernel: np.ndarray, recurrent: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Back-propagate through time: undo ``_lstm_forward`` step by step, from the last to the first.

    The derivatives are sigmoid' = s * (1 - s) and tanh' = 1 - t^2, by their own values s and t.
    Back-propagation is truncated at the state that the batch started from.

    Returns d_x[steps, batch, inputs], d_kernel, d_recurrent, d_bias.
    """
    d_kernel, d_recurrent = np.zeros_like(kernel), np.zeros_like(recurrent)
    d_bias = np.zeros_like(recurrent[0])
    d_x = []
    d_hidden = d_cell = np.zeros_like(d_outputs[0])
    for d_output, step in zip(d_outputs[::-1], steps[::-1], strict=True):
        x_t, hidden_before, cell_before, i, f, g, o, cell = step
        tanh_cell = np.tanh(cell)
        d_hidden = d_hidden + d_output  # h_t is both this step's output and an input of step t + 1
        d_cell = d_cell + d_hidden * o * (1 - tanh_cell**2)
        d_z = np.concatenate(
            [
                d_cell * g * i * (1 - i),
                d_cell * cell_before * f * (1 - f),
                d_cell * i * (1 - g**2),
                d_hidden * tanh_cell * o * (1 - o),
            ],
            axis=1,
        )
        d_kernel += x_t.T @ d_z
        d_recurrent += hidden_before.T @ d_z
        d_bias += d_z.sum(0)
        d_x.append(d_z @ kernel.T)
        d_hidden, d_cell = d_z @ recurrent.T, d_cell * f
    return np.stack(d_x[::-1]), d_kernel, d_recurrent, d_bias


def _cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return -log softmax(logits)[target] in nats, and its gradient: softmax(logits), less 1 at the target.

    logits [..., output_size], targets int[...]; subtracting the largest logit keeps exp from overflowing.
    """
    shifted = logits - logits.max(-1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    places = targets[..., np.newaxis]
    losses = -np.take_along_axis(log_probabilities, places, -1)[..., 0]
    d_logits = np.exp(log_probabilities)
    np.put_along_axis(d_logits, places, np.take_along_axis(d_logits, places, -1) - 1, -1)
    return losses, d_logits


def _sigmoid(z: np.ndarray) -> np.ndarray:
    # 1 / (1 + exp(-z)) would overflow for very negative z.
    return 0.5 * (1 + np.tanh(0.5 * z))


def _copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}

"""Implement the LSTM in TensorFlow with both passes by hand, so that each matrix product is as large as possible.

It differs from ``tensorflow`` by having no Keras layer and no tape.  A tape multiplies by the kernels once per time
step and sums their gradients step by step.  Here the loop over time has only what the recurrence needs; the rest is
done once for all n = steps * batch rows (units H, inputs I):

    before the loop     z_x[n, 4H] = x[n, I] @ kernel + bias
    forward, per step   z = z_x[t] + h @ recurrent;  gates, c, h as in ``reference``
    before the loop     what multiplies d_c and d_h in d_z, from the gates of all steps (``_derivatives``)
    backward, per step  d_z[t] = [d_c, d_c, d_c, d_h] * factors[t];  d_h = d_z[t] @ recurrent.T
    after the loop      d_kernel = x.T @ d_z;  d_recurrent = h.T @ d_z;  d_bias = sum of d_z;  d_x = d_z @ kernel.T

Cross-entropy and its gradient are one fused kernel.  An SGD update is one pass, with the factor of gradient clipping in
the rate.  The embedding's gradient has only the rows of the batch's words.  Inside, arrays are time-major and have the
names of ``reference``.  XLA compiles the cross-entropy and the loops.  Where oneDNN multiplies, with AVX-512, which XLA
does not use, wide loops and those in bfloat16 stay in the graph.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port

from lstmbench.implementations import tensorflow
from lstmbench.implementations.tensorflow import State, configure, has_gpu, versions
from lstmbench.models.weights import shapes

__all__ = ["EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]

Gradient = tf.Tensor | tf.IndexedSlices

# A graph names what XLA compiles; a trace names what XLA made of it.
_XLA = "(XLA|.*fusion)"
_COMPILED = (
    "explicit passes, partly compiled by XLA",
    *(f"{place}/forward {_XLA}" for place in ("recurrent", "output")),
)
_LOOPS = ("recurrent/forward LoopCond", "recurrent/backward LoopCond")
_LOW = tuple(rf"{place} \w*MatMul bfloat16" for place in ("recurrent/forward", "recurrent/backward", "output/backward"))
IN_GRAPH = "in the graph"
EXPECTED_KERNELS = {
    **dict.fromkeys(("cpu", "gpu"), (*_COMPILED, f"recurrent/backward {_XLA}")),
    "cpu-bfloat16": (*_COMPILED, f"recurrent/backward {_XLA}", *_LOW),
    f"cpu {IN_GRAPH}": ("explicit passes in TensorFlow's graph", *_LOOPS, f"output/forward {_XLA}"),
    f"cpu-bfloat16 {IN_GRAPH}": ("explicit passes in TensorFlow's graph", *_LOOPS, f"output/forward {_XLA}", *_LOW),
}

WIDE = 512
"""From this number of units on, oneDNN in the graph makes a step in float32 1.04 (650 units) and 1.20 (1500) times as
fast as XLA; with 200 units 0.91 times."""

BY_ONEDNN = _pywrap_util_port.IsMklEnabled()
"""By default where the processor has AVX512_VNNI or the like; ``TF_ENABLE_ONEDNN_OPTS`` changes it."""

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Learner(tensorflow.Learner):
    """Train by passes and updates that are written out, with as few and large matrix products as possible."""

    def _build(self, seed: int) -> None:
        narrow = self.spec.hidden_size < WIDE and not self.in_bfloat16
        compiled = narrow or not BY_ONEDNN or "CPU" not in self.device
        self.way = "" if compiled else IN_GRAPH
        self.forward_loop, self.backward_loop = COMPILED_LOOPS if compiled else (_forward_loop, _backward_loop)
        # By columns XLA takes up to twice as long, and a step with oneDNN 1.14 times in bfloat16, but 0.64 in float32.
        self.by_rows = compiled or self.in_bfloat16
        self.variables = self._zeros()
        self.moments = (self._zeros(), self._zeros()) if self.spec.optimizer == "adam" else ()
        self.seed = tf.Variable(seed, trainable=False, dtype=tf.int64)
        self.updates = tf.Variable(0, trainable=False, dtype=tf.int64)

    def _zeros(self) -> dict[str, tf.Variable]:
        return {name: tf.Variable(tf.zeros(shape, self.dtype)) for name, shape in shapes(self.spec).items()}

    def _canonical(self) -> dict[str, tf.Variable]:
        return self.variables

    def _slots(self) -> dict[str, tf.Variable]:
        result = {"seed": self.seed, "updates": self.updates}
        for kind, moment in zip(("first_moment", "second_moment"), self.moments, strict=False):
            result |= {f"{kind}.{name}": variable for name, variable in moment.items()}
        return result

    def _train_step(self, inputs: tf.Tensor, targets: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        labels = self._labels(targets)
        logits, state, trace = self._forward(_time_major(inputs), state, training=True)
        with tf.name_scope("output/forward"):
            cross_entropy, d_logits = _cross_entropy(logits, labels, self.spec.loss_scale / labels.shape[0])
            loss = tf.reduce_mean(cross_entropy)
        self._update(self._backward(d_logits, trace))
        return loss, state

    def _eval_step(self, inputs: tf.Tensor, targets: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, State]:
        labels = self._labels(targets)
        logits, state, _ = self._forward(_time_major(inputs), state, training=False)
        cross_entropy, _ = _cross_entropy(logits, labels, 1.0)
        return cross_entropy, tf.equal(tf.argmax(logits, -1, tf.int32), labels), state

    def _labels(self, targets: tf.Tensor) -> tf.Tensor:
        """Return int32[predictions] in the order of the logits, from a batch's targets."""
        return tf.reshape(_time_major(targets), [-1]) if self.spec.every_step else targets

    def _forward(self, inputs: tf.Tensor, state: State, training: bool) -> tuple[tf.Tensor, State, dict]:
        """Return logits [predictions, output_size], the new state, and what ``_backward`` needs.

        inputs: ids int32[steps, batch], or features [steps, batch, input_size].
        """
        spec, variables = self.spec, self.variables
        with tf.name_scope("embedding/forward"):
            x = tf.gather(variables["embedding"], inputs) if spec.embedding else inputs
        masks = [self._mask(x, place=0) if training and spec.input_dropout else None]
        x = _dropped(x, masks[0])
        new_state, layers = [], []
        for layer, (hidden, cell) in enumerate(state):
            with tf.name_scope("recurrent/forward"):
                outputs, last, steps = self._layer_forward(layer, x, hidden, cell)
            new_state.append(last)
            layers.append(steps)
            if layer == spec.num_layers - 1 and not spec.every_step:
                outputs = outputs[-1:]
            masks.append(self._mask(outputs, place=layer + 1) if training else None)
            x = _dropped(outputs, masks[-1])
        with tf.name_scope("output/forward"):
            x = _rows(x)
            logits = _product(x, self._low(variables["output.kernel"]))
            logits = tf.nn.bias_add(logits, variables["output.bias"])
        return logits, tuple(new_state), {"inputs": inputs, "masks": masks, "layers": layers, "outputs": x}

    def _backward(self, d_logits: tf.Tensor, trace: dict) -> dict[str, Gradient]:
        """Return the gradients of the objective by every weight, from d_logits[predictions, output_size]."""
        layers, masks, outputs = trace["layers"], trace["masks"], trace["outputs"]
        with tf.name_scope("output/backward"):
            gradients: dict[str, Gradient] = {
                "output.kernel": _product(_transposed(outputs), self._low(d_logits)),
                "output.bias": tf.raw_ops.BiasAddGrad(out_backprop=d_logits),
            }
            d_x = _product(d_logits, self._low(self.variables["output.kernel"]), transpose_b=True)
        steps, batch, _ = layers[0]["x"].shape
        d_x = tf.reshape(d_x, [-1, batch, self.spec.hidden_size])
        for layer in reversed(range(self.spec.num_layers)):
            d_x = _dropped(d_x, masks[layer + 1])
            with tf.name_scope("recurrent/backward"):
                if d_x.shape[0] < steps:  # only the last step predicts
                    d_x = tf.pad(d_x, [[steps - 1, 0], [0, 0], [0, 0]])
                d_x, of_layer = self._layer_backward(layer, d_x, layers[layer])
            gradients |= of_layer
        if self.spec.embedding:
            d_x = _dropped(d_x, masks[0])
            with tf.name_scope("embedding/backward"):
                gradients["embedding"] = _merged_rows(trace["inputs"], d_x, self.variables["embedding"].shape)
        return gradients

    def _layer_forward(
        self, layer: int, x: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
        """Return h[steps, batch, H] of a layer over x[steps, batch, inputs], last (h, c), and what backward needs."""
        kernel, recurrent, bias = self._lstm_weights(layer)
        steps, batch, _ = x.shape
        z_x = tf.reshape(tf.nn.bias_add(_product(_rows(x), kernel), bias), [steps, batch, -1])
        weights = _transposed(recurrent) if self.by_rows else recurrent
        outputs, cells, i, f, g, o = self.forward_loop(z_x, hidden, cell, weights, self.by_rows)
        before = {"hidden": _shifted(hidden, outputs), "cell": _shifted(cell, cells)}
        return outputs, (outputs[-1], cells[-1]), {"x": x, **before, "cells": cells, "gates": (i, f, g, o)}

    def _layer_backward(
        self, layer: int, d_outputs: tf.Tensor, remembered: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor | None, dict[str, Gradient]]:
        """Return d_x[steps, batch, inputs], or None if nothing below is trained, and the layer's weight gradients."""
        kernel, recurrent, _ = self._lstm_weights(layer)
        steps, batch, _ = d_outputs.shape
        factors, to_cell = _derivatives(*remembered["gates"], remembered["cell"], remembered["cells"])
        weights = recurrent if self.by_rows else _transposed(recurrent)
        forget = remembered["gates"][1]
        d_z = _rows(self.backward_loop(d_outputs, factors, to_cell, forget, weights, self.by_rows))
        gradients = {
            f"lstm.{layer}.kernel": _product(_transposed(_rows(remembered["x"])), self._low(d_z)),
            f"lstm.{layer}.recurrent": _product(_transposed(_rows(remembered["hidden"])), self._low(d_z)),
            f"lstm.{layer}.bias": tf.raw_ops.BiasAddGrad(out_backprop=d_z),
        }
        if layer == 0 and not self.spec.embedding:
            return None, gradients
        return tf.reshape(_product(d_z, _transposed(kernel)), [steps, batch, -1]), gradients

    def _lstm_weights(self, layer: int) -> tuple[tf.Tensor, ...]:
        kernel, recurrent, bias = (
            self.variables[f"lstm.{layer}.{part}"].value() for part in ("kernel", "recurrent", "bias")
        )
        return self._low(kernel), self._low(recurrent), bias

    def _low(self, matrix: tf.Tensor) -> tf.Tensor:
        """Return a right operand in the precision of the matrix products."""
        return tf.cast(matrix, tf.bfloat16 if self.in_bfloat16 else self.dtype)

    def _mask(self, x: tf.Tensor, place: int) -> tf.Tensor | None:
        """Return dropout's factors for x, 0 or 1 / keep_prob; a function of seed, place and number of updates."""
        if self.spec.keep_prob == 1.0:
            return None
        seed = [self.seed * (self.spec.num_layers + 1) + place, self.updates.value()]
        kept = tf.random.stateless_uniform(x.shape, seed, dtype=self.dtype) < self.spec.keep_prob
        return tf.cast(kept, self.dtype) / self.spec.keep_prob

    def _update(self, gradients: dict[str, Gradient]) -> None:
        """Clip the gradients and update the weights, by the formulas of ``reference``."""
        with tf.name_scope("clip"):
            clipped = self.spec.max_grad_norm is not None
            scale = self._clip_factor(list(gradients.values())) if clipped else tf.ones([], self.dtype)
        with tf.name_scope("update"):
            self.updates.assign_add(1)
            for name, gradient in gradients.items():
                if self.spec.optimizer == "sgd":
                    self._update_sgd(name, gradient, scale)
                else:
                    self._update_adam(name, tf.convert_to_tensor(gradient) * scale)

    def _update_sgd(self, name: str, gradient: Gradient, scale: tf.Tensor) -> None:
        variable, rate = self.variables[name], self.learning_rate * scale
        if isinstance(gradient, tf.IndexedSlices):
            variable.scatter_sub(tf.IndexedSlices(gradient.values * rate, gradient.indices))
        else:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)

    def _update_adam(self, name: str, gradient: tf.Tensor) -> None:
        beta_1, beta_2, epsilon = (tf.constant(value, self.dtype) for value in (BETA_1, BETA_2, EPSILON))
        updates = tf.cast(self.updates, self.dtype)
        first, second = (moment[name].handle for moment in self.moments)
        tf.raw_ops.ResourceApplyAdam(
            var=self.variables[name].handle,
            m=first,
            v=second,
            beta1_power=beta_1**updates,
            beta2_power=beta_2**updates,
            lr=self.learning_rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )


def _forward_loop(
    z_x: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, recurrent: tf.Tensor, by_rows: bool
) -> tuple[tf.Tensor, ...]:
    """Return h, c, i, f, g, o of every step, each [steps, batch, H], from z_x[steps, batch, 4H] and first h, c.

    ``by_rows``: the recurrent weights are transposed.
    """

    def step(before: tuple[tf.Tensor, ...], z_x_t: tf.Tensor) -> tuple[tf.Tensor, ...]:
        hidden, cell, *_ = before
        z_i, z_f, z_g, z_o = tf.split(z_x_t + _product(hidden, recurrent, transpose_b=by_rows), 4, axis=1)
        i, f, g, o = tf.sigmoid(z_i), tf.sigmoid(z_f), tf.tanh(z_g), tf.sigmoid(z_o)
        cell = f * cell + i * g
        return o * tf.tanh(cell), cell, i, f, g, o

    return tf.scan(step, z_x, (hidden, cell, *[tf.zeros_like(cell)] * 4))


def _backward_loop(
    d_outputs: tf.Tensor, factors: tf.Tensor, to_cell: tf.Tensor, forget: tf.Tensor, recurrent: tf.Tensor, by_rows: bool
) -> tf.Tensor:
    """Return d_z[steps, batch, 4H], computed from the last step to the first.

    ``by_rows``: the recurrent weights are not transposed, but the product is by their transpose.
    """

    def step(after: tuple[tf.Tensor, ...], now: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        d_z, d_cell = after  # of the step after this one, which d_cell reached through its forget gate
        d_output, factors_t, to_cell_t, forget_t = now
        d_hidden = d_output + _product(d_z, recurrent, transpose_b=by_rows)
        d_cell = d_cell + d_hidden * to_cell_t
        return tf.concat([d_cell, d_cell, d_cell, d_hidden], axis=1) * factors_t, d_cell * forget_t

    nothing = tf.zeros_like(factors[0]), tf.zeros_like(forget[0])
    return tf.scan(step, (d_outputs, factors, to_cell, forget), nothing, reverse=True)[0]


COMPILED_LOOPS = tuple(tf.function(loop, jit_compile=True) for loop in (_forward_loop, _backward_loop))


def _derivatives(
    i: tf.Tensor, f: tf.Tensor, g: tf.Tensor, o: tf.Tensor, cell_before: tf.Tensor, cell: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return d_z / (d_c, d_c, d_c, d_h), [steps, batch, 4H], and d_c / d_h, [steps, batch, H], of all steps at once."""
    tanh_cell = tf.tanh(cell)
    factors = [g * i * (1 - i), cell_before * f * (1 - f), i * (1 - g * g), tanh_cell * o * (1 - o)]
    return tf.concat(factors, axis=-1), o * (1 - tanh_cell * tanh_cell)


@tf.function(jit_compile=True)
def _cross_entropy(logits: tf.Tensor, labels: tf.Tensor, scale: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Return -log softmax(logits)[label] in nats, [n], and its gradient by logits[n, output_size] times ``scale``."""
    hot = tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    exponentials = tf.exp(shifted)
    total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
    losses = tf.math.log(total[:, 0]) - tf.reduce_sum(shifted * hot, axis=1)
    return losses, (exponentials / total - hot) * scale


def _merged_rows(ids: tf.Tensor, d_x: tf.Tensor, shape: tf.TensorShape) -> tf.IndexedSlices:
    """Return the embedding's gradient: one row per word of the batch, the sum of d_x over the word's places."""
    words, places = tf.unique(tf.reshape(ids, [-1]))
    rows = tf.math.unsorted_segment_sum(_rows(d_x), places, tf.size(words))
    return tf.IndexedSlices(rows, words, dense_shape=tf.constant(shape.as_list()))


def _product(left: tf.Tensor, right: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """Return left @ right in the precision of ``right``, with the type of ``left``."""
    return tf.cast(tf.matmul(tf.cast(left, right.dtype), right, transpose_b=transpose_b), left.dtype)


def _time_major(x: tf.Tensor) -> tf.Tensor:
    """Return [batch, steps, ...] as [steps, batch, ...]."""
    return tf.transpose(x, [1, 0, *range(2, len(x.shape))])


def _dropped(x: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    return x if mask is None else x * mask


def _rows(x: tf.Tensor) -> tf.Tensor:
    """Return [steps, batch, width] as [steps * batch, width]."""
    return tf.reshape(x, [-1, x.shape[-1]])


def _shifted(first: tf.Tensor, following: tf.Tensor) -> tf.Tensor:
    """Return what each step had before it: ``first``, then all but the last of ``following``."""
    return tf.concat([first[tf.newaxis], following[:-1]], axis=0)


def _transposed(matrix: tf.Tensor) -> tf.Tensor:
    # Grappler would make it a flag of the product, which is slower on the CPU; a snapshot keeps it a matrix.
    return tf.raw_ops.Snapshot(input=tf.transpose(matrix))

"""Implement the LSTM in JAX with as few and large matrix products as possible.

It differs from ``jax`` in these points:

- The loop over time has only what the recurrence needs.  The rest is done once for all n = steps * batch rows (units H,
  inputs I), by a backward pass that is written out (``jax.custom_vjp``):

      before the loop     z_x[n, 4H] = x[n, I] @ kernel + bias
      forward, per step   z = z_x[t] + h @ recurrent;  gates, c, h as in ``reference``
      before the loop     what multiplies d_c and d_h in d_z, from the gates of all steps (``_derivatives``)
      backward, per step  d_z[t] = [d_c, d_c, d_c, d_h] * factors[t];  d_h = d_z[t] @ recurrent.T
      after the loop      d_kernel = x.T @ d_z;  d_recurrent = h.T @ d_z;  d_bias = sum of d_z;  d_x = d_z @ kernel.T

- The embedding's gradient has only the rows of the batch's words, and only they are updated by SGD.
- The factor of gradient clipping is part of the rate of SGD, so that nothing is multiplied for it alone.

Arrays are time-major and have the names of ``reference``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lstmbench.implementations import jax as plain
from lstmbench.implementations.jax import State, Training, Weights, configure, has_gpu, versions
from lstmbench.models.learner import override

__all__ = ["EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]

# Products of all steps are outside the loop over time.
_PRODUCTS = tuple(f"recurrent/{way} {loop}dot_general " for way in ("forward", "backward") for loop in ("", "while/"))
EXPECTED_KERNELS = {
    **dict.fromkeys(("cpu", "gpu"), ("explicit passes, compiled by XLA", *_PRODUCTS)),
    "cpu-bfloat16": (
        "explicit passes in bfloat16, compiled by XLA",
        *(
            f"{product}(dot|dot_general|ynn_fusion) bfloat16"
            for product in (*_PRODUCTS, "output/backward dot_general ")
        ),
    ),
}


@dataclass(frozen=True)
class Model(plain.Model):
    """Run the layers by passes that are written out, and update only what a batch has read."""

    @override
    def layer(
        self, weights: Weights, layer: int, x: Array, state: tuple[Array, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        kernel, recurrent, bias = (weights[f"lstm.{layer}.{part}"] for part in ("kernel", "recurrent", "bias"))
        return _layer(self, x, state, kernel, recurrent, bias)

    @override
    def step(
        self, training: Training, inputs: Array, targets: Array, state: State, learning_rate: Array
    ) -> tuple[Training, Array, State]:
        if not self.spec.embedding or self.spec.optimizer != "sgd":
            return super().step(training, inputs, targets, state, learning_rate)
        key = self.key(training)
        dense = dict(training["weights"])
        table = dense.pop("embedding")
        rows = table[inputs]
        gradient = jax.grad(self.objective, argnums=(0, 1), has_aux=True)
        (gradients, d_rows), (loss, after) = gradient(dense, rows, targets, state, key)
        with jax.named_scope("embedding/backward"):
            ids = inputs.reshape(-1)
            d_rows, first = _summed_by_word(ids, d_rows.reshape(len(ids), -1))
        with jax.named_scope("clip"):
            if self.spec.max_grad_norm is None:
                rate = learning_rate
            else:
                of_words = jnp.where(first[:, np.newaxis], d_rows, 0)
                rate = learning_rate * self.clip_factor([*gradients.values(), of_words])
        with jax.named_scope("update"):
            new = {name: dense[name] - rate * gradients[name] for name in dense}
            # A word's places hold the same row, so it does not matter which of them is written last.
            new["embedding"] = table.at[ids].set(rows.reshape(len(ids), -1) - rate * d_rows)
            return {**training, "weights": new, "updates": training["updates"] + 1}, loss, after


class Learner(plain.Learner):
    """Train by passes that are written out."""

    MODEL = Model


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _layer(
    model: Model, x: Array, state: tuple[Array, Array], kernel: Array, recurrent: Array, bias: Array
) -> tuple[tuple[Array, Array], Array]:
    return _layer_forward(model, x, state, kernel, recurrent, bias)[0]


def _layer_forward(
    model: Model, x: Array, state: tuple[Array, Array], kernel: Array, recurrent: Array, bias: Array
) -> tuple[tuple[tuple[Array, Array], Array], tuple[Any, ...]]:
    """Return the result of ``_layer``, and what ``_layer_backward`` needs."""
    steps, batch, _ = x.shape
    z_x = (model.product(_rows(x), kernel) + bias).reshape(steps, batch, -1)

    def step(before: tuple[Array, Array], z_x_t: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        hidden, cell = before
        z_i, z_f, z_g, z_o = jnp.split(z_x_t + model.product(hidden, recurrent), 4, axis=1)
        i, f, g, o = jax.nn.sigmoid(z_i), jax.nn.sigmoid(z_f), jnp.tanh(z_g), jax.nn.sigmoid(z_o)
        cell = f * cell + i * g
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), (hidden, cell, i, f, g, o)

    last, (outputs, cells, *gates) = lax.scan(step, state, z_x)
    return (last, outputs), (x, state, outputs, cells, gates, kernel, recurrent)


def _layer_backward(
    model: Model, saved: tuple[Any, ...], gradients: tuple[tuple[Array, Array], Array]
) -> tuple[Any, ...]:
    """Return the gradients by each argument of ``_layer``, by back-propagation through time."""
    x, (hidden, cell), outputs, cells, gates, kernel, recurrent = saved
    _, d_outputs = gradients  # the objective does not depend on the last state
    i, f, g, o = gates
    # XLA would otherwise multiply by columns of the weights, which takes 1.5 times as long as by rows.
    back = model.transposed_copy(recurrent)
    tanh_cell = jnp.tanh(cells)
    to_cell = o * (1 - tanh_cell**2)
    factors = [g * i * (1 - i), _shifted(cell, cells) * f * (1 - f), i * (1 - g * g), tanh_cell * o * (1 - o)]
    factors = jnp.concatenate(factors, axis=-1)

    def step(after: tuple[Array, Array], now: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        d_z, d_cell = after
        d_output, factors_t, to_cell_t, forget_t = now
        d_hidden = d_output + model.product(d_z, back)
        d_cell = d_cell + d_hidden * to_cell_t
        d_z = jnp.concatenate([d_cell, d_cell, d_cell, d_hidden], axis=1) * factors_t
        return (d_z, d_cell * forget_t), d_z

    nothing = jnp.zeros_like(factors[0]), jnp.zeros_like(cell)
    _, d_z = lax.scan(step, nothing, (d_outputs, factors, to_cell, f), reverse=True)
    d_z = _rows(d_z)
    d_kernel = model.product(_transposed(model, _rows(x)), d_z)
    d_recurrent = model.product(_transposed(model, _rows(_shifted(hidden, outputs))), d_z)
    d_x = model.product(d_z, _transposed(model, kernel)).reshape(x.shape)
    # The state came from an earlier batch, where back-propagation is truncated.
    return d_x, (jnp.zeros_like(hidden), jnp.zeros_like(cell)), d_kernel, d_recurrent, d_z.sum(0)


_layer.defvjp(_layer_forward, _layer_backward)


def _summed_by_word(ids: Array, d_rows: Array) -> tuple[Array, Array]:
    """Return for each place the sum of d_rows[n, size] over all places of its word, and whether it is the first one."""
    same = ids[:, np.newaxis] == ids
    sums = jnp.matmul(same.astype(d_rows.dtype), d_rows, precision=lax.Precision.HIGHEST)
    return sums, jnp.argmax(same, axis=1) == jnp.arange(len(ids))


def _transposed(model: Model, matrix: Array) -> Array:
    """Return the transpose; as a copy in bfloat16, because on a CPU XLA would otherwise multiply in float32."""
    return model.transposed_copy(matrix) if model.precision == "bfloat16" else matrix.T


def _rows(x: Array) -> Array:
    """Return [steps, batch, width] as [steps * batch, width]."""
    return x.reshape(-1, x.shape[-1])


def _shifted(first: Array, following: Array) -> Array:
    """Return what each step had before it: ``first``, then all but the last of ``following``."""
    return jnp.concatenate([first[np.newaxis], following[:-1]])

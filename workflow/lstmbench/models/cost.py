"""Compute the minimum cost of one training step: its matrix products and its memory.

A step is counted as an efficient implementation does it.  The products with the input of all time steps are one
product, the recurrence takes one product per time step, and a weight gradient is one product over all time steps. With
n = batch * steps, layer input I, hidden size H and outputs V:

    layer   forward   x[n, I] @ W[I, 4H]           once       h[batch, H] @ U[H, 4H]      per time step
            backward  dz[n, 4H] @ W.T              once       dz[batch, 4H] @ U.T         per time step
                      x.T @ dz[n, 4H]              once       h.T @ dz[n, 4H]             once
    output  forward   h[n, H] @ W[H, V]            backward   dz[n, V] @ W.T              h.T @ dz[n, V]

Everything else (gates, softmax, gradient clipping, update) is no product and adds to this minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbench.models.learner import ModelSpec
from lstmbench.models.weights import parameter_count, shapes


@dataclass(frozen=True)
class Product:
    """left[m, k] @ right[k, n], ``count`` times per step; ``transposed``: the one so in memory (left, right, "")."""

    name: str
    part: str  # recurrent or output
    direction: str  # forward or backward
    left: tuple[int, int]
    right: tuple[int, int]
    transposed: str
    count: int

    @property
    def flops(self) -> int:
        """Return the floating-point operations of all ``count`` products: a multiplication and an addition per term."""
        return 2 * self.left[0] * self.left[1] * self.right[1] * self.count


def products(spec: ModelSpec, batch: int, steps: int) -> list[Product]:
    """Return the matrix products of one training step."""
    rows, hidden, gates = batch * steps, spec.hidden_size, 4 * spec.hidden_size
    result = []
    for layer in range(spec.num_layers):
        width = spec.input_size if layer == 0 else hidden
        for name, size, together in (("input", width, True), ("state", hidden, False)):
            at_once, count = (rows, 1) if together else (batch, steps)
            label = f"layer {layer} {name}"
            forward = Product(label, "recurrent", "forward", (at_once, size), (size, gates), "", count)
            to_left = Product(label, "recurrent", "backward", (at_once, gates), (gates, size), "right", count)
            to_weights = Product(f"{label} weights", "recurrent", "backward", (size, rows), (rows, gates), "left", 1)
            # A first layer that reads the data itself needs no gradient of its input.
            needed = layer > 0 or spec.embedding or name == "state"
            result += [forward, to_left, to_weights] if needed else [forward, to_weights]
    read, classes = rows if spec.every_step else batch, spec.output_size
    return [
        *result,
        Product("output", "output", "forward", (read, hidden), (hidden, classes), "", 1),
        Product("output", "output", "backward", (read, classes), (classes, hidden), "right", 1),
        Product("output weights", "output", "backward", (hidden, read), (read, classes), "left", 1),
    ]


def step_flops(spec: ModelSpec, batch: int, steps: int) -> int:
    """Return the floating-point operations of a training step's matrix products."""
    return sum(product.flops for product in products(spec, batch, steps))


def minimum_memory_bytes(spec: ModelSpec, batch: int, steps: int, itemsize: int = 4) -> dict[str, int]:
    """Return the bytes that a training step cannot do without, by what they hold.

    weights; gradients (of an embedding only the rows that were read); optimizer: Adam's two moments;
    activations: what the backward pass reads, namely each layer's input and its i, f, g, o, cell and hidden state,
    and one matrix of logits, which its gradient can replace.
    """
    rows, hidden = batch * steps, spec.hidden_size
    weights = parameter_count(spec)
    table = int(np.prod(shapes(spec)["embedding"])) if spec.embedding else 0
    gradients = weights - table + (min(rows, spec.output_size) * spec.input_size if spec.embedding else 0)
    logits = (rows if spec.every_step else batch) * spec.output_size
    activations = rows * (spec.input_size + 6 * hidden * spec.num_layers) + logits
    slots = 2 * weights if spec.optimizer == "adam" else 0
    values = {"weights": weights, "gradients": gradients, "optimizer": slots, "activations": activations}
    return {name: count * itemsize for name, count in values.items()}

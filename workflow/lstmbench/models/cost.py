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

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from lstmbench.models.learner import ModelSpec
from lstmbench.models.weights import parameter_count, shapes
from lstmbench.utils.fields import Count, Number, StrictStruct, Text

Part = Literal["embedding", "recurrent", "output", "clip", "update", "other"]
Direction = Literal["forward", "backward"]


class Product(StrictStruct, frozen=True):
    """One matrix product of a step: left[m, k] @ right[k, n]."""

    name: Annotated[Text, Meta(description="Which product.")]
    part: Annotated[Part, Meta(description="Part of the step.")]
    direction: Annotated[Direction, Meta(description="forward or backward.")]
    left: Annotated[tuple[Number, Number], Meta(description="Rows and columns of the left operand.")]
    right: Annotated[tuple[Number, Number], Meta(description="Rows and columns of the right operand.")]
    transposed: Annotated[
        Literal["", "left", "right"], Meta(description="The operand that lies transposed in memory; empty: none.")
    ]
    count: Annotated[Number, Meta(description="Times per step, a count.")]


class MinimumMemory(StrictStruct, frozen=True):
    """What a training step cannot do without."""

    weights: Annotated[Count, Meta(description="Weights, in bytes.")]
    gradients: Annotated[Count, Meta(description="Gradients, in bytes.")]
    optimizer: Annotated[Count, Meta(description="Slots of the optimiser, in bytes.")]
    activations: Annotated[Count, Meta(description="Saved activations, in bytes.")]

    @property
    def total(self) -> int:
        """Return the bytes of all parts."""
        return self.weights + self.gradients + self.optimizer + self.activations


def flops_of(product: Product) -> int:
    """Return the floating-point operations of all ``count`` products: a multiplication and an addition per term."""
    return 2 * product.left[0] * product.left[1] * product.right[1] * product.count


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
    return sum(flops_of(product) for product in products(spec, batch, steps))


def minimum_memory_bytes(spec: ModelSpec, batch: int, steps: int, itemsize: int = 4) -> MinimumMemory:
    """Return the bytes that a training step cannot do without, by what they hold.

    weights; gradients (of an embedding only the rows that were read); optimizer: Adam's two moments;
    activations: what the backward pass reads, namely each layer's input and its i, f, g, o, cell and hidden state,
    and one matrix of logits, which its gradient can replace.
    """
    rows, hidden = batch * steps, spec.hidden_size
    weights = parameter_count(spec)
    table = _embedding_values(spec)
    gradients = weights - table + (min(rows, spec.output_size) * spec.input_size if spec.embedding else 0)
    logits = (rows if spec.every_step else batch) * spec.output_size
    activations = rows * (spec.input_size + 6 * hidden * spec.num_layers) + logits
    slots = 2 * weights if spec.optimizer == "adam" else 0
    return MinimumMemory(
        weights=weights * itemsize,
        gradients=gradients * itemsize,
        optimizer=slots * itemsize,
        activations=activations * itemsize,
    )


def embedding_bytes(spec: ModelSpec, itemsize: int = 4) -> int:
    """Return the bytes of the embedding; 0 without one."""
    return _embedding_values(spec) * itemsize


def _embedding_values(spec: ModelSpec) -> int:
    return int(np.prod(shapes(spec)["embedding"])) if spec.embedding else 0

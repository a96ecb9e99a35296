"""Draw the initial weights that every implementation starts from.

Canonical names and shapes, the same for all frameworks (gates in the order i f g o along the last
axis, one bias per layer):

    embedding               [output_size, input_size]      language models only
    lstm.{layer}.kernel     [layer input, 4 * hidden]
    lstm.{layer}.recurrent  [hidden, 4 * hidden]
    lstm.{layer}.bias       [4 * hidden]
    output.kernel           [hidden, output_size]
    output.bias             [output_size]

A layer computes z = x @ kernel + h @ recurrent + bias and from it
c' = sigmoid(f) * c + sigmoid(i) * tanh(g),  h' = sigmoid(o) * tanh(c').

Numbers come from NumPy's Philox generator, whose raw bits are the same across NumPy versions and machines.  Each tensor
has its own stream, keyed by its name, so adding one tensor does not change the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache

import numpy as np

from lstmbench.models.learner import ModelSpec
from lstmbench.models.presets import Preset


def shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the shapes by canonical name, in canonical order."""
    hidden = spec.hidden_size
    result: dict[str, tuple[int, ...]] = {}
    if spec.embedding:
        result["embedding"] = (spec.output_size, spec.input_size)
    for layer in range(spec.num_layers):
        layer_input = spec.input_size if layer == 0 else hidden
        result[f"lstm.{layer}.kernel"] = (layer_input, 4 * hidden)
        result[f"lstm.{layer}.recurrent"] = (hidden, 4 * hidden)
        result[f"lstm.{layer}.bias"] = (4 * hidden,)
    result["output.kernel"] = (hidden, spec.output_size)
    result["output.bias"] = (spec.output_size,)
    return result


@cache  # collecting asks it of every record
def parameter_count(spec: ModelSpec) -> int:
    """Return the number of trained values."""
    return sum(int(np.prod(shape)) for shape in shapes(spec).values())


def initial_weights(spec: ModelSpec, preset: Preset, seed: int) -> dict[str, np.ndarray]:
    """Draw the initial weights (float32) that ``preset`` asks for."""
    return {name: _draw(name, shape, spec, preset, seed) for name, shape in shapes(spec).items()}


def are_initial(weights: Mapping[str, np.ndarray], spec: ModelSpec, preset: Preset, seed: int) -> bool:
    """Return whether weights of the right names and shapes are the ``initial_weights``; draw one tensor at a time.

    Another machine may have drawn them, whose logarithm may round otherwise.
    """
    pairs = ((weights[name], _draw(name, shape, spec, preset, seed)) for name, shape in shapes(spec).items())
    return all(
        found.dtype == drawn.dtype and (np.array_equal(found, drawn) or np.allclose(found, drawn, rtol=1e-6, atol=0))
        for found, drawn in pairs
    )


def _draw(name: str, shape: tuple[int, ...], spec: ModelSpec, preset: Preset, seed: int) -> np.ndarray:
    stream = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(name.encode())]))
    hidden = spec.hidden_size
    in_cell = name.startswith("lstm.")
    if in_cell and name.endswith(".bias"):
        bias = np.zeros(shape, np.float32)
        # A forget bias added inside the cell, as in tf.nn.rnn_cell, gives the same function and the
        # same training as this initial value of the trained bias.
        bias[hidden : 2 * hidden] = preset.forget_bias
        return bias
    kind = preset.lstm_init if in_cell else preset.output_init
    if kind == "normal":
        return (preset.init_scale * stream.standard_normal(shape)).astype(np.float32)
    limit = preset.init_scale
    if kind == "glorot_uniform":
        # Glorot & Bengio 2010, eq. 16.  TensorFlow's cells held both kernels in one matrix
        # [input + hidden, 4 * hidden], so the fans are those of the joint matrix.
        layer_input = shapes(spec)[name.replace("recurrent", "kernel")][0]
        limit = np.sqrt(6.0 / (layer_input + hidden + 4 * hidden))
    return stream.uniform(-limit, limit, shape).astype(np.float32)

from __future__ import annotations

import dataclasses

import numpy as np

from lstmbench.models.learner import ModelSpec
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.models.weights import initial_weights, shapes
from lstmbench.utils.files import hash_arrays

PTB = load_preset(PRESETS / "ptb" / "small.yaml")
MNIST = load_preset(PRESETS / "mnist" / "small.yaml")
SPEC = ModelSpec(
    num_layers=2,
    hidden_size=50,
    output_size=90,
    input_size=30,
    embedding=True,
    every_step=True,
    stateful=True,
    input_dropout=True,
    keep_prob=1.0,
    optimizer="sgd",
    max_grad_norm=5.0,
    loss_scale=20.0,
)


def test_names_and_shapes_are_the_canonical_ones():
    weights = initial_weights(SPEC, PTB, 1)
    assert {name: value.shape for name, value in weights.items()} == shapes(SPEC)
    assert shapes(SPEC)["lstm.0.kernel"] == (30, 200)
    assert shapes(SPEC)["lstm.1.kernel"] == (50, 200)
    assert {value.dtype for value in weights.values()} == {np.dtype("float32")}


def test_the_same_seed_draws_the_same_weights_on_every_machine():
    # Golden: drawn once by this code; a change here makes all published runs irreproducible.
    assert hash_arrays(initial_weights(SPEC, PTB, 1))[:16] == "f4be896e016c3cc0"


def test_another_seed_draws_other_weights():
    one, two = initial_weights(SPEC, PTB, 1), initial_weights(SPEC, PTB, 2)
    assert all((one[name] != two[name]).any() for name in one if not name.endswith("bias") or name == "output.bias")


def test_tensors_do_not_share_a_stream():
    weights = initial_weights(dataclasses.replace(SPEC, input_size=50), PTB, 1)
    assert not np.allclose(weights["lstm.0.kernel"], weights["lstm.0.recurrent"])


def test_the_tutorials_weights_are_uniform_within_init_scale_and_its_lstm_biases_zero():
    weights = initial_weights(SPEC, PTB, 1)
    for name, value in weights.items():
        if name.startswith("lstm.") and name.endswith("bias"):
            assert not value.any()
        else:
            assert 0.09 < np.abs(value).max() <= 0.1
            assert abs(value.std() - 0.1 / np.sqrt(3)) < 0.01


def test_the_forget_bias_fills_the_second_quarter_only():
    spec = dataclasses.replace(SPEC, embedding=False)
    bias = initial_weights(spec, MNIST, 1)["lstm.0.bias"].reshape(4, 50)
    assert bias.sum(axis=1).tolist() == [0, 50, 0, 0]


def test_the_exercises_output_is_normal_and_its_kernels_share_glorots_limit():
    spec = dataclasses.replace(SPEC, embedding=False)
    weights = initial_weights(spec, MNIST, 1)
    assert abs(weights["output.kernel"].std() - 1.0) < 0.05
    limit = np.sqrt(6 / (30 + 50 + 200))
    for name in ("lstm.0.kernel", "lstm.0.recurrent"):
        assert 0.97 * limit < np.abs(weights[name]).max() <= limit

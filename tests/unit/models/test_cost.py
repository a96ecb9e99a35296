"""What a step needs at least, counted by hand."""

from __future__ import annotations

import pytest

from lstmbench import tasks
from lstmbench.models.cost import minimum_memory_bytes, products, step_flops
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.models.weights import parameter_count


def spec_of(dataset: str, size: str):
    task, facts = {"ptb": ("language_model", {"vocab_size": 10_000}), "mnist": ("classifier", {"classes": 10})}[dataset]
    preset = load_preset(PRESETS / dataset / f"{size}.yaml")
    return tasks.load(task).model_spec(preset, facts), preset


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_a_language_model_s_operations_follow_the_closed_formula(size):
    # 3 * 2 * T * B * (sum over layers of 4H (I + H) + H V): a forward product and its two gradients.
    spec, preset = spec_of("ptb", size)
    hidden = spec.hidden_size
    per_word = spec.num_layers * 4 * hidden * 2 * hidden + hidden * spec.output_size
    expected = 6 * preset.num_steps * preset.batch_size * per_word
    assert step_flops(spec, preset.batch_size, preset.num_steps) == expected


def test_a_classifier_reads_images_that_want_no_gradient_and_predicts_once():
    spec, preset = spec_of("mnist", "small")
    assert (spec.num_layers, spec.input_size, spec.hidden_size, spec.output_size) == (1, 28, 128, 10)
    rows, batch, gates = preset.batch_size * 28, preset.batch_size, 4 * 128
    of_inputs = 2 * (2 * rows * 28 * gates)  # forward, weight gradient
    of_states = 3 * (2 * rows * 128 * gates)
    of_output = 3 * (2 * batch * 128 * 10)
    assert step_flops(spec, batch, 28) == of_inputs + of_states + of_output


@pytest.mark.parametrize("dataset", ["ptb", "mnist"])
def test_the_operands_of_every_product_fit_each_other(dataset):
    spec, preset = spec_of(dataset, "medium")
    found = products(spec, preset.batch_size, preset.num_steps)
    assert all(product.left[1] == product.right[0] for product in found)
    assert len({(product.name, product.direction) for product in found}) == len(found)


def test_weight_gradients_are_summed_over_all_time_steps_at_once():
    spec, preset = spec_of("ptb", "large")
    for product in products(spec, preset.batch_size, preset.num_steps):
        along_time = "state" in product.name and "weights" not in product.name
        assert product.count == (preset.num_steps if along_time else 1), product


def test_the_least_memory_counts_only_the_embedding_rows_that_were_read():
    spec, preset = spec_of("ptb", "small")
    least = minimum_memory_bytes(spec, preset.batch_size, preset.num_steps)
    assert least.weights == 4 * parameter_count(spec) == 4 * 4_651_600
    assert least.gradients == 4 * (4_651_600 - 10_000 * 200 + 400 * 200)
    assert least.optimizer == 0
    # Embedding output; per layer i, f, g, o, cell and hidden state; logits.
    assert least.activations == 4 * 400 * (200 + 2 * 6 * 200 + 10_000)


def test_adam_keeps_two_moments():
    spec, preset = spec_of("mnist", "small")
    least = minimum_memory_bytes(spec, preset.batch_size, preset.num_steps)
    assert least.optimizer == 2 * least.weights

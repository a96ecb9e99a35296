from __future__ import annotations

import math

import numpy as np
import pytest

from lstmbench.models.presets import Preset
from lstmbench.tasks import classifier, language_model, predictions
from lstmbench.utils.errors import UsageError

PRESET = Preset(
    source="test",
    num_layers=1,
    hidden_size=4,
    num_steps=3,
    batch_size=2,
    init_scale=0.1,
    optimizer="sgd",
    learning_rate=1.0,
    epochs=1,
    full_rate_epochs=1,
)
TEXT = {"train": np.arange(15, dtype=np.int32), "valid": np.arange(15), "test": np.arange(250, dtype=np.int32)}
IMAGES = {
    "test_images": np.arange(2300 * 9, dtype=np.uint32).reshape(2300, 3, 3).astype(np.uint8),
    "test_labels": np.arange(2300).astype(np.uint8) % 10,
}


def test_consecutive_batches_continue_each_rows_text():
    examples = language_model.training_examples(TEXT, PRESET)
    order = language_model.training_order(len(examples.inputs), PRESET, seed=1, epoch=1)
    batches = examples.inputs[order]
    assert batches.tolist() == [[[0, 1, 2], [7, 8, 9]], [[3, 4, 5], [10, 11, 12]]]
    assert (examples.targets == examples.inputs + 1).all()
    assert predictions(examples) == 3


def test_the_test_protocol_predicts_every_word_but_the_first_exactly_once_in_order():
    parts = language_model.evaluation_parts(TEXT, "test", PRESET, None)
    predicted = np.concatenate([part.examples.targets[part.batches].ravel() for part in parts])
    assert predicted.tolist() == list(range(1, 250))
    assert all(part.batches.shape[1] == 1 for part in parts)


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 249, 9999])
def test_a_limit_cuts_the_test_to_the_first_predictions(limit):
    parts = language_model.evaluation_parts(TEXT, "test", PRESET, limit)
    assert sum(part.batches.size * predictions(part.examples) for part in parts) == min(limit, 249)


def test_validation_uses_the_training_batch_and_window():
    (part,) = language_model.evaluation_parts(TEXT, "valid", PRESET, None)
    assert part.batches.shape == (2, 2)
    (part,) = language_model.evaluation_parts(TEXT, "valid", PRESET, 7)
    assert part.batches.shape == (2, 2)
    (part,) = language_model.evaluation_parts(TEXT, "valid", PRESET, 6)
    assert part.batches.shape == (1, 2)


def test_perplexity_is_the_exponential_of_the_mean_loss():
    assert language_model.metrics(math.log(10_000)) == {"perplexity": pytest.approx(10_000)}


@pytest.mark.parametrize("limit", [None, 1, 1000, 1001, 2300])
def test_every_image_is_evaluated_once_also_those_of_the_incomplete_last_batch(limit):
    parts = classifier.evaluation_parts(IMAGES, "test", PRESET, limit)
    seen = np.concatenate([part.examples.inputs[part.batches].reshape(-1, 9) for part in parts])
    expected = IMAGES["test_images"][:limit].reshape(-1, 9) / np.float32(255)
    np.testing.assert_array_equal(seen, expected)


def test_each_epoch_shuffles_anew_and_the_same_in_every_process():
    one = classifier.training_order(9, PRESET, seed=1, epoch=1)
    assert one.shape == (4, 2)
    assert len(set(one.ravel().tolist())) == 8
    assert one.tolist() == classifier.training_order(9, PRESET, seed=1, epoch=1).tolist()
    assert one.tolist() != classifier.training_order(9, PRESET, seed=1, epoch=2).tolist()
    assert one.tolist() != classifier.training_order(9, PRESET, seed=2, epoch=1).tolist()


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(UsageError, match="at most 1"):
        classifier.training_order(1, PRESET, seed=1, epoch=1)


def test_images_of_another_size_than_num_steps_are_refused():
    images = {"test_images": np.zeros((5, 4, 4), np.uint8), "test_labels": np.zeros(5, np.uint8)}
    with pytest.raises(UsageError, match="4 rows"):
        classifier.evaluation_parts(images, "test", PRESET, None)


def test_images_of_any_shape_are_read_row_by_row_if_the_data_say_what_it_is():
    facts = {"classes": 3, "rows": 5, "columns": 4}
    preset = classifier.fitted(PRESET, facts)
    images = {"test_images": np.zeros((6, 5, 4), np.uint8), "test_labels": np.zeros(6, np.uint8)}
    (part,) = classifier.evaluation_parts(images, "test", preset, None)
    assert part.examples.inputs.shape == (6, preset.num_steps, classifier.model_spec(preset, facts).input_size)


def test_images_of_which_no_shape_is_said_are_squares_of_num_steps():
    assert classifier.fitted(PRESET, {"classes": 3}) == PRESET
    assert classifier.model_spec(PRESET, {"classes": 3}).input_size == 3


def test_the_unit_of_speed_is_what_is_predicted():
    assert language_model.unit({"vocab_size": 3}) == language_model.unit({"level": "word"}) == "words/s"
    assert language_model.unit({"level": "character"}) == "characters/s"
    assert classifier.unit({}) == "images/s"


@pytest.mark.parametrize(("split", "needed"), [("train", 8), ("valid", 8), ("test", 2)])
def test_a_text_too_short_for_one_batch_is_refused_with_numbers_and_one_word_more_is_trained(split, needed):
    purpose = {"train": "training", "valid": "validation", "test": "test"}[split]
    enough = {"train": np.zeros(8, np.int32), "valid": np.zeros(8, np.int32), "test": np.zeros(2, np.int32)}
    language_model.require_enough("novel", enough, PRESET)
    language_model.training_examples(enough, PRESET)
    assert language_model.evaluation_parts(enough, "valid", PRESET, None)
    assert language_model.evaluation_parts(enough, "test", PRESET, None)
    too_few = {**enough, split: enough[split][1:]}
    message = rf"novel: expected at least {needed} words or characters in its {purpose} text .*, found {needed - 1};"
    with pytest.raises(UsageError, match=message):
        language_model.require_enough("novel", too_few, PRESET)


def test_fewer_images_than_a_batch_are_refused_with_numbers():
    classifier.require_enough("fashion", {"train_images": np.zeros((2, 3, 3))}, PRESET)
    with pytest.raises(UsageError, match=r"fashion: expected at least 2 training images.*, found 1;"):
        classifier.require_enough("fashion", {"train_images": np.zeros((1, 3, 3))}, PRESET)

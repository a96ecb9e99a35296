"""The generated digits are many, different, and neither trivial nor hopeless to tell apart."""

from pathlib import Path

import numpy as np
import pytest

from lstmbench.datasets import glyphs
from lstmbench.utils.files import hash_arrays

# sha256 of the arrays of VERSION 1, as first drawn; another hash needs another VERSION.
GOLDEN = "a08753c2ad8a90129fdcf0722cd5c9c69afdde289ce69a01c31b0faa1707ad75"


@pytest.fixture(scope="module")
def prepared():
    return glyphs.prepare(Path("not looked at"))


def nearest_centroid_accuracy(arrays):
    train, test = (arrays[f"{split}_images"].reshape(-1, 28 * 28).astype(float) for split in ("train", "test"))
    centroids = np.stack([train[arrays["train_labels"] == digit].mean(axis=0) for digit in range(glyphs.CLASSES)])
    distance = (centroids**2).sum(axis=1) - 2 * test @ centroids.T
    return (distance.argmin(axis=1) == arrays["test_labels"]).mean()


def test_the_arrays_of_this_version_never_change(prepared):
    assert hash_arrays(prepared.arrays) == GOLDEN


def test_the_arrays_are_those_of_a_classifier(prepared):
    for split, count in glyphs.IMAGES.items():
        assert prepared.arrays[f"{split}_images"].dtype == np.uint8
        assert prepared.arrays[f"{split}_images"].shape == (count, 28, 28)
        assert prepared.arrays[f"{split}_labels"].dtype == np.uint8
        assert prepared.arrays[f"{split}_labels"].shape == (count,)


def test_facts_are_plain_values_and_name_ten_classes(prepared):
    assert prepared.facts["classes"] == 10
    assert {type(value) for value in prepared.facts.values()} == {int, str}


def test_every_split_has_as_many_of_each_digit_in_no_order(prepared):
    for split, count in glyphs.IMAGES.items():
        labels = prepared.arrays[f"{split}_labels"]
        assert np.bincount(labels).tolist() == [count // 10] * 10
        # A digit follows itself as often as chance has it, within four standard errors.
        assert (labels[1:] == labels[:-1]).mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / count))


def test_every_image_has_a_digit_on_it_and_paper_around_it(prepared):
    for split in glyphs.IMAGES:
        images = prepared.arrays[f"{split}_images"]
        assert images.max(axis=(1, 2)).min() > 0.6 * 255
        dark = (images > 0.5 * 255).mean(axis=(1, 2))
        assert dark.min() > 0.01
        assert dark.max() < 0.4
        assert images.max() == 255
        assert images.min() == 0


def test_no_digit_is_cut_off_by_much(prepared):
    ink = prepared.arrays["train_images"] > 0.5 * 255
    rim = ink.sum() - ink[:, 1:-1, 1:-1].sum()
    assert rim < 0.01 * ink.sum()


def test_no_image_stands_twice_in_any_split(prepared):
    images = [image.tobytes() for split in glyphs.IMAGES for image in prepared.arrays[f"{split}_images"]]
    assert len(set(images)) == len(images)


def test_the_drawings_of_every_digit_are_all_used():
    strokes = [stroke for drawings in glyphs.DRAWINGS for drawing in drawings for stroke in drawing]
    assert len(glyphs.DRAWINGS) == glyphs.CLASSES
    assert np.abs(np.concatenate(strokes)).max() <= 0.5 + 1e-9
    assert all(len(drawings) > 1 for drawings in glyphs.DRAWINGS)


def test_a_nearest_centroid_classifier_is_above_chance_and_far_from_perfect(prepared):
    assert 0.3 < nearest_centroid_accuracy(prepared.arrays) < 0.8

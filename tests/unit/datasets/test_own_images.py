"""Images that a user supplies in MNIST's format."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.datasets import Prepared, own_images
from lstmbench.preparation.prepare import check
from lstmbench.utils.errors import BenchError, DataError, UsageError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_set(
    folder: Path,
    labels: list[int],
    tests: list[int],
    shape: tuple[int, int] = (5, 4),
    name: Callable[[str], str] = str,
    pack: bool = False,
) -> Path:
    """Write a data set in which every image is filled with its own number."""
    folder.mkdir(exist_ok=True)
    parts = []
    for there in (labels, tests):
        filled = np.broadcast_to(np.arange(len(there)).astype(np.uint8)[:, None, None], (len(there), *shape))
        parts += [idx(filled), idx(np.array(there, np.uint8))]
    for file, content in zip(NAMES, parts, strict=True):
        (folder / name(file)).write_bytes(gzip.compress(content) if pack else content)
    return folder


@given(
    labels=st.lists(st.integers(0, 255), min_size=2, max_size=30).filter(lambda labels: len({*labels}) > 1),
    shape=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    data=st.data(),
)
def test_every_image_is_in_one_split_with_the_class_of_its_label(
    tmp_path_factory: pytest.TempPathFactory, labels: list[int], shape: tuple[int, int], data: st.DataObject
) -> None:
    tests = data.draw(st.lists(st.sampled_from(labels), min_size=1, max_size=5))
    prepared = own_images.prepare(write_set(tmp_path_factory.mktemp("set") / "images", labels, tests, shape))
    check("images", "classifier", prepared)
    values, found = sorted({*labels}), {}
    for split in ("train", "valid"):
        for image, label in zip(prepared.arrays[f"{split}_images"], prepared.arrays[f"{split}_labels"], strict=True):
            found[int(image[0, 0])] = values[label]
    assert found == dict(enumerate(labels))
    assert [values[label] for label in prepared.arrays["test_labels"]] == tests
    assert prepared.facts["classes"] == len(values)
    assert (prepared.facts["rows"], prepared.facts["columns"]) == shape


def prepare_letters(folder: Path) -> Prepared:
    return own_images.prepare(write_set(folder, [1 + number % 26 for number in range(52)], [26, 1]))


def test_labels_that_begin_at_1_are_numbered_from_0_and_the_facts_say_so(tmp_path: Path) -> None:
    prepared = prepare_letters(tmp_path / "letters")
    assert prepared.arrays["test_labels"].tolist() == [25, 0]
    assert str(prepared.facts["about"]) == (
        "Images that the user supplied: 47 for training, 5 for validation (every 12th of the training files) and 2 for "
        "the test, each of 5 rows and 4 columns. There are 26 classes; their labels are 1 to 26, numbered from 0 here."
    )


def test_files_that_are_sorted_by_class_have_every_class_in_training_and_validation(tmp_path: Path) -> None:
    arrays = own_images.prepare(write_set(tmp_path / "sorted", [0] * 24 + [1] * 24 + [2] * 24, [2])).arrays
    assert {*arrays["valid_labels"].tolist()} == {*arrays["train_labels"].tolist()} == {0, 1, 2}


@pytest.mark.parametrize(
    "name",
    [
        str,
        lambda file: f"{file}.gz",
        lambda file: file.replace("-idx", ".idx"),
        lambda file: f"emnist-letters-{file.replace('t10k', 'test')}.gz",
    ],
)
@pytest.mark.parametrize("pack", [False, True])
def test_files_are_found_under_the_usual_names_and_their_content_counts(
    tmp_path: Path, name: Callable[[str], str], pack: bool
) -> None:
    plain = write_set(tmp_path / "plain", [0, 1, 2, 1], [1])
    other = write_set(tmp_path / "other", [0, 1, 2, 1], [1], name=name, pack=pack)
    assert own_images.contents(other) == own_images.contents(plain)
    changed = write_set(tmp_path / "changed", [0, 1, 2, 2], [1])
    assert own_images.contents(changed) != own_images.contents(plain)


def test_a_set_that_is_there_packed_and_unpacked_is_read_once(tmp_path: Path) -> None:
    both = write_set(tmp_path / "both", [0, 1, 2, 1], [1])
    before = own_images.contents(both)
    write_set(both, [0, 1, 2, 1], [1], name=lambda file: f"{file}.gz", pack=True)
    assert own_images.contents(both) == before


def test_a_folder_without_a_file_or_with_two_sets_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [0, 1], [1])
    (folder / NAMES[3]).unlink()
    with pytest.raises(UsageError, match=r"found no t10k-labels$"):
        own_images.contents(folder)
    write_set(folder, [0, 1], [1], name=lambda file: f"letters-{file}")
    with pytest.raises(UsageError, match=r"expected the four IDX files of one data set, found those of 2"):
        own_images.contents(folder)
    for path, found in ((folder / NAMES[0], "a file"), (tmp_path / "missing", "nothing")):
        with pytest.raises(UsageError, match=rf"expected a folder with four IDX files, as MNIST's, found {found}"):
            own_images.contents(path)


@pytest.mark.parametrize(
    ("labels", "tests", "message"),
    [
        ([3] * 20, [3], "expected at least 2 classes, found only the label 3"),
        ([0, 1, 2, 3], [3, 7, 9], "expected test labels that occur in training (0 to 3), found 7, 9"),
        ([1], [1], "expected at least 2 training images, one for validation, found 1"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_are_refused(
    tmp_path: Path, labels: list[int], tests: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        own_images.prepare(write_set(tmp_path / "set", labels, tests))


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [0, 1, 2], [1, 2])
    (folder / NAMES[1]).write_bytes(idx(np.array([0, 1], np.uint8)))
    with pytest.raises(DataError, match="expected a label for each of 3 train images, found 2"):
        own_images.prepare(folder)
    write_set(folder, [0, 1, 2], [1, 2])
    (folder / NAMES[2]).write_bytes(idx(np.zeros((2, 4, 5), np.uint8)))
    with pytest.raises(DataError, match=r"expected test images of \(5, 4\) as for training, found \(4, 5\)"):
        own_images.prepare(folder)


@given(content=st.binary(max_size=60))
def test_any_bytes_for_a_file_are_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = write_set(tmp_path_factory.mktemp("set") / "images", [0, 1], [1])
    (folder / NAMES[0]).write_bytes(content)
    with pytest.raises(BenchError) as raised:
        own_images.prepare(folder)
    assert "\n" not in str(raised.value)


def test_a_header_that_promises_more_than_any_file_holds_is_not_believed(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [0, 1], [1])
    (folder / NAMES[0]).write_bytes(struct.pack(">IIII", 0x0803, 1 << 30, 1 << 10, 1 << 10))
    with pytest.raises(DataError, match=r"expected at most 2,147,483,648 values, found 1,125,899,906,842,624"):
        own_images.contents(folder)


def test_a_test_that_is_the_training_set_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [0, 1, 2], [0, 1, 2])
    with pytest.raises(UsageError, match="expected other images for the test than for training, found the same"):
        own_images.contents(folder)

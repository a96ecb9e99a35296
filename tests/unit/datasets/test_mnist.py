"""The IDX reader and the split of MNIST."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lstmbench import datasets
from lstmbench.datasets import mnist
from lstmbench.utils.errors import DataError

ITEM = (2, 3)
ARRAYS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.just(2), st.just(3)))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, mtime=0))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digits-idx3-ubyte.gz"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "digits-idx3-ubyte.gz"


@given(array=ARRAYS)
def test_what_was_written_is_read(scratch: Path, array: np.ndarray) -> None:
    found = mnist.read_idx(write(scratch, idx(array)), ITEM)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@given(array=ARRAYS, data=st.data())
def test_a_damaged_gzip_file_is_refused_or_read_as_it_was(
    scratch: Path, array: np.ndarray, data: st.DataObject
) -> None:
    whole = gzip.compress(idx(array), mtime=0)
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    scratch.write_bytes(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
    try:
        found = mnist.read_idx(scratch, ITEM)
    except DataError:
        return
    np.testing.assert_array_equal(found, array)


@given(array=ARRAYS, place=st.integers(0, 15), value=st.integers(0, 255))
def test_any_other_header_is_refused(scratch: Path, array: np.ndarray, place: int, value: int) -> None:
    content = bytearray(idx(array))
    if content[place] == value:
        return
    content[place] = value
    with pytest.raises(DataError):
        mnist.read_idx(write(scratch, bytes(content)), ITEM)


@given(array=ARRAYS, data=st.data())
def test_any_other_length_is_refused(scratch: Path, array: np.ndarray, data: st.DataObject) -> None:
    content = idx(array)
    shorter = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DataError):
        mnist.read_idx(write(scratch, content[:shorter]), ITEM)
    with pytest.raises(DataError, match="found more"):
        mnist.read_idx(write(scratch, content + data.draw(st.binary(min_size=1))), ITEM)


def test_the_error_names_expected_and_found(path: Path) -> None:
    content = idx(np.zeros((4, 2, 3), np.uint8))
    wrong = {
        r"expected IDX magic number 0x00000803, found 0x00000801": b"\0\0\x08\x01" + content[4:],
        r"expected dimensions \('n', 2, 3\) with n from 1 to 60000, found \(4, 3, 2\)": content[:8]
        + struct.pack(">II", 3, 2)
        + content[16:],
        r"expected 24 values for dimensions \(4, 2, 3\), found 23": content[:-1],
        r"expected an IDX header of 16 bytes, found 5": content[:5],
    }
    for message, damaged in wrong.items():
        with pytest.raises(DataError, match=rf"digits-idx3-ubyte.gz: {message}"):
            mnist.read_idx(write(path, damaged), ITEM)


def test_a_header_that_promises_a_huge_file_is_not_believed(path: Path) -> None:
    with pytest.raises(DataError, match="found \\(4294967295, 2, 3\\)"):
        mnist.read_idx(write(path, struct.pack(">IIII", 0x0803, 0xFFFFFFFF, 2, 3) + bytes(1000)), ITEM)


def test_a_gzip_bomb_is_read_no_further_than_promised(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: asked.append(size) or read(self, size))
    with pytest.raises(DataError, match="found more"):
        mnist.read_idx(write(path, idx(np.zeros((4, 2, 3), np.uint8)) + bytes(10_000_000)), ITEM)
    assert asked == [16, 25]


def test_a_file_that_is_not_gzip_is_refused(path: Path) -> None:
    path.write_bytes(b"<html>not here</html>")
    with pytest.raises(DataError, match=r"not a whole gzip file \(21 bytes\)"):
        mnist.read_idx(path, ITEM)


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(DataError, match=r"digits-idx3-ubyte.gz: missing"):
        mnist.read_idx(path, ITEM)


def write_pair(folder: Path, labels: list[int], *, images: int, name: str = "train") -> tuple[Path, Path]:
    # Every image is filled with its own number, so that a shifted split shows.
    filled = np.broadcast_to(np.arange(images, dtype=np.uint32).astype(np.uint8)[:, None, None], (images, 28, 28))
    return (
        write(folder / f"{name}-images-idx3-ubyte.gz", idx(filled)),
        write(folder / f"{name}-labels-idx1-ubyte.gz", idx(np.array(labels, np.uint8))),
    )


def test_images_and_labels_that_differ_in_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train-labels.*expected a label for each of 3 images, found 4"):
        mnist.read_pair(*write_pair(tmp_path, [0, 1, 2, 3], images=3))


def test_a_label_that_is_no_digit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train-labels.*expected labels 0 to 9, found 10 at example 2"):
        mnist.read_pair(*write_pair(tmp_path, [0, 9, 10], images=3))


def test_the_first_5000_training_images_are_for_validation(tmp_path: Path) -> None:
    write_pair(tmp_path, [number % 10 for number in range(5003)], images=5003)
    write_pair(tmp_path, [7, 8], images=2, name="t10k")
    arrays = mnist.prepare(tmp_path).arrays
    assert {name: len(array) for name, array in arrays.items()} == {
        "train_images": 3,
        "train_labels": 3,
        "valid_images": 5000,
        "valid_labels": 5000,
        "test_images": 2,
        "test_labels": 2,
    }
    assert arrays["valid_images"][:3, 5, 5].tolist() == [0, 1, 2]
    assert arrays["train_images"][:, 5, 5].tolist() == [5000 % 256, 5001 % 256, 5002 % 256]
    assert arrays["train_labels"].tolist() == [0, 1, 2]
    assert arrays["test_labels"].tolist() == [7, 8]


def test_a_training_file_with_nothing_left_to_train_on_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, [0] * 5000, images=5000)
    with pytest.raises(DataError, match=r"train-images.*expected more than 5000 images .* found 5000"):
        mnist.prepare(tmp_path)


def test_the_listed_content_is_that_of_the_listed_files(real_data: Path, tmp_path: Path) -> None:
    for source in datasets.sources("mnist"):
        content = gzip.decompress((real_data / "mnist" / source.file).read_bytes())
        (tmp_path / source.file).write_bytes(gzip.compress(content, 1, mtime=0))
        assert len(content) == source.unpacked_bytes
        assert datasets.is_listed(tmp_path / source.file, source), source.file


def test_real_mnist_has_its_known_sizes_and_first_labels(real_data: Path) -> None:
    # Sizes: LeCun, Cortes & Burges, "The MNIST database".  First labels 5 0 4 1 9 (training) and 7 2 1 0 4 (test) are
    # the first bytes after the header of the two label files; the 55,000 / 5,000 split is that of read_data_sets.
    arrays = mnist.prepare(real_data / "mnist").arrays
    assert {name: array.shape for name, array in arrays.items()} == {
        "train_images": (55_000, 28, 28),
        "train_labels": (55_000,),
        "valid_images": (5_000, 28, 28),
        "valid_labels": (5_000,),
        "test_images": (10_000, 28, 28),
        "test_labels": (10_000,),
    }
    assert arrays["valid_labels"][:5].tolist() == [5, 0, 4, 1, 9]
    assert arrays["test_labels"][:5].tolist() == [7, 2, 1, 0, 4]

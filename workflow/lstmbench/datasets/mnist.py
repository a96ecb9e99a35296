"""MNIST: handwritten digits, read row by row as sequences by the classifier.

The first 5,000 of the 60,000 training images are for validation, as in TensorFlow's
``tensorflow.examples.tutorials.mnist.input_data.read_data_sets``.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from lstmbench.datasets import Prepared
from lstmbench.utils.errors import DataError

TASK = "classifier"
VERSION = 1

CLASSES = 10
VALID_EXAMPLES = 5_000
IMAGE = (28, 28)

MAX_EXAMPLES = 60_000
"""The number of images in the larger file; a header that claims more is wrong."""

MAX_VALUES = 1 << 31
"""No file of any data set holds more bytes; a header that claims more is wrong."""


def prepare(raw: Path) -> Prepared:
    """Read images and labels from the four gzipped IDX files.

    Raises:
        DataError: a file is missing or wrong.
    """
    images, labels = read_pair(raw / "train-images-idx3-ubyte.gz", raw / "train-labels-idx1-ubyte.gz")
    if len(images) <= VALID_EXAMPLES:
        raise DataError(
            f"{raw / 'train-images-idx3-ubyte.gz'}: expected more than {VALID_EXAMPLES} images "
            f"(the first {VALID_EXAMPLES} are for validation), found {len(images)}"
        )
    test_images, test_labels = read_pair(raw / "t10k-images-idx3-ubyte.gz", raw / "t10k-labels-idx1-ubyte.gz")
    arrays = {
        "train_images": images[VALID_EXAMPLES:],
        "train_labels": labels[VALID_EXAMPLES:],
        "valid_images": images[:VALID_EXAMPLES],
        "valid_labels": labels[:VALID_EXAMPLES],
        "test_images": test_images,
        "test_labels": test_labels,
    }
    return Prepared(arrays, {"classes": CLASSES})


def read_pair(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images, uint8[n, 28, 28], and their labels, uint8[n].

    Raises:
        DataError: a file is wrong, the two differ in length, or a label is not a digit.
    """
    images = read_idx(images_path, IMAGE)
    labels = read_idx(labels_path, ())
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: expected a label for each of {len(images)} images, found {len(labels)}")
    if labels.max() >= CLASSES:
        where = int(np.argmax(labels >= CLASSES))
        raise DataError(f"{labels_path}: expected labels 0 to {CLASSES - 1}, found {labels[where]} at example {where}")
    return images, labels


def read_idx(
    path: Path,
    item_shape: tuple[int | None, ...],
    *,
    opened: Callable[[Path], BufferedIOBase] = gzip.open,
    max_examples: int = MAX_EXAMPLES,
) -> np.ndarray:
    """Read an IDX file of bytes as uint8[n, *item_shape].

    Args:
        path: the file.
        item_shape: shape of an example; None: any length from 1.
        opened: opens the file for reading, by default a gzipped one.
        max_examples: the largest ``n``.

    The format: two zero bytes, type 0x08 (unsigned byte), the number of dimensions, each dimension as a big-endian
    32-bit number, then the values.

    Raises:
        DataError: the file is no gzip file or cut short, has another type or shape, or holds more or fewer values than
            the header says.
    """
    dimensions = 1 + len(item_shape)
    header_bytes = 4 + 4 * dimensions
    try:
        with opened(path) as stream:
            header = stream.read(header_bytes)
            if len(header) < header_bytes:
                raise DataError(f"{path}: expected an IDX header of {header_bytes} bytes, found {len(header)}")
            magic, count, *item = struct.unpack(f">{header_bytes // 4}I", header)
            magic_expected = 0x0800 + dimensions
            if magic != magic_expected:
                raise DataError(f"{path}: expected IDX magic number 0x{magic_expected:08x}, found 0x{magic:08x}")
            fits = all(found == size or (size is None and found) for size, found in zip(item_shape, item, strict=True))
            if not fits or not 1 <= count <= max_examples:
                shape_expected = ("n", *("any" if size is None else size for size in item_shape))
                raise DataError(
                    f"{path}: expected dimensions {shape_expected} with n from 1 to {max_examples}, "
                    f"found {(count, *item)}"
                )
            expected = count * math.prod(item)
            if expected > MAX_VALUES:
                raise DataError(f"{path}: expected at most {MAX_VALUES:,} values, found {expected:,}: {(count, *item)}")
            # Reading one more byte reveals a longer file, and makes gzip check its CRC at the end.
            values = stream.read(expected + 1)
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing; download it first") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({path.stat().st_size} bytes): {error}") from error
    if len(values) != expected:
        found = "more" if len(values) > expected else str(len(values))
        raise DataError(f"{path}: expected {expected} values for dimensions {(count, *item)}, found {found}")
    return np.frombuffer(values, np.uint8).reshape(count, *item)

"""Images that a user supplies in MNIST's format: four IDX files of bytes, gzipped or not, under MNIST's usual names.

The shape and the classes are those of the files.  The labels are numbered from 0 in the order of their values, because
some sets begin at 1 (EMNIST letters).  Every twelfth image of the training files is for validation: that is MNIST's
share, and works for files that are sorted by class as well.
"""

from __future__ import annotations

import gzip
import re
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from lstmbench.datasets import Prepared
from lstmbench.datasets.mnist import MAX_VALUES, read_idx
from lstmbench.utils.archives import archive_format
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.files import hash_arrays

TASK = "classifier"
VERSION = 1

VALID_STEP = 12
"""Every image of the training files whose number is a multiple of this is for validation."""

PARTS = {"train": "train", "test": "t10k"}
"""MNIST's name for each part; others, such as EMNIST's, call the second test."""

_NAME = re.compile(r"(?P<set>.*?)(?P<part>train|t10k|test)-(?P<what>images|labels)[-.]idx[13]-ubyte(?:\.gz)?")


def contents(path: Path) -> dict[str, str]:
    """Return the sha256 of the images and the labels of both parts, unpacked.

    Raises:
        UsageError: there is no such folder, or it lacks a file; the test is the training set.
        DataError: a file is wrong.
    """
    found = {name: hash_arrays({"": array}) for name, array in _read(path).items()}
    if found["train_images"] == found["test_images"]:
        raise UsageError(f"{path}: expected other images for the test than for training, found the same")
    return found


def prepare(path: Path) -> Prepared:
    """Read images and labels, and number the labels from 0.

    Raises:
        UsageError: as ``contents``.
        DataError: a file is wrong, images and labels differ in number, images in shape, or the labels do not fit.
    """
    arrays = _read(path)
    for part in PARTS:
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if len(images) != len(labels):
            raise DataError(f"{path}: expected a label for each of {len(images)} {part} images, found {len(labels)}")
    images, tests = arrays["train_images"], arrays["test_images"]
    if images.shape[1:] != tests.shape[1:]:
        raise DataError(f"{path}: expected test images of {images.shape[1:]} as for training, found {tests.shape[1:]}")
    if len(images) < 2:
        raise DataError(f"{path}: expected at least 2 training images, one for validation, found {len(images)}")
    valid = np.arange(len(images)) % VALID_STEP == 0
    values, labels = np.unique(arrays["train_labels"], return_inverse=True)
    if len(values) < 2:
        raise DataError(f"{path}: expected at least 2 classes, found only the label {values[0]}")
    if len(unknown := np.setdiff1d(arrays["test_labels"], values)):
        raise DataError(
            f"{path}: expected test labels that occur in training ({_ranges(values)}), found {_ranges(unknown)}"
        )
    splits = {
        "train": (images[~valid], labels[~valid]),
        "valid": (images[valid], labels[valid]),
        "test": (tests, np.searchsorted(values, arrays["test_labels"])),
    }
    train, held_out, test = (f"{len(there):,}" for there, _ in splits.values())
    rows, columns = images.shape[1:]
    numbered = "" if values[0] == 0 and values[-1] == len(values) - 1 else ", numbered from 0 here"
    about = (
        f"Images that the user supplied: {train} for training, {held_out} for validation (every {VALID_STEP}th of the "
        f"training files) and {test} for the test, each of {rows} rows and {columns} columns. There are {len(values)} "
        f"classes; their labels are {_ranges(values)}{numbered}."
    )
    facts = {"classes": len(values), "rows": rows, "columns": columns, "about": about}
    return Prepared(
        {f"{split}_images": there for split, (there, _) in splits.items()}
        | {f"{split}_labels": there.astype(np.uint8) for split, (_, there) in splits.items()},
        facts,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return ``{part}_images``, uint8[n, rows, columns], and ``{part}_labels``, uint8[n]."""
    arrays = {}
    for name, file in _files(path).items():
        shape = (None, None) if name.endswith("_images") else ()
        arrays[name] = read_idx(file, shape, opened=_opened, max_examples=MAX_VALUES)
    return arrays


def _opened(path: Path) -> BufferedIOBase:
    """Open a file that may be gzipped, whatever its name, because browsers unpack a file and keep its name."""
    return gzip.open(path) if archive_format(path) else path.open("rb")


def _files(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        found = "a file" if path.is_file() else "nothing"
        raise UsageError(f"{path}: expected a folder with four IDX files, as MNIST's, found {found}")
    matches = [(match, file) for file in sorted(path.iterdir()) if (match := _NAME.fullmatch(file.name))]
    if len(sets := {match["set"] for match, _ in matches}) > 1:
        raise UsageError(
            f"{path}: expected the four IDX files of one data set, found those of {len(sets)}: "
            f"{', '.join(sorted(sets))}; give each a folder"
        )
    # A file that is there both packed and unpacked counts once: the later in alphabetical order is the packed one.
    found_files = {(match["part"].replace("t10k", "test"), match["what"]): file for match, file in reversed(matches)}
    wanted = {(part, what): f"{name}-{what}" for part, name in PARTS.items() for what in ("images", "labels")}
    if missing := [name for key, name in wanted.items() if key not in found_files]:
        raise UsageError(
            f"{path}: expected four IDX files, such as train-images-idx3-ubyte or train-images-idx3-ubyte.gz, found no "
            f"{' and no '.join(missing)}"
        )
    return {f"{part}_{what}": found_files[part, what] for part, what in wanted}


def _ranges(values: np.ndarray) -> str:
    """Return numbers in words: ``1 to 26``, or a list if some between are missing."""
    first, last = int(values[0]), int(values[-1])
    if len(values) == last - first + 1 and len(values) > 2:
        return f"{first} to {last}"
    return ", ".join(map(str, values[:20])) + (", ..." if len(values) > 20 else "")

"""Turn a data set's raw files into NumPy arrays for every framework.

The arrays are ``{output}/{array}.npy``, the words of a text ``{output}/vocabulary.json``.  The last to be written is
``{output}/manifest.json``: a folder with it is complete.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np

from lstmbench import datasets
from lstmbench.datasets import (
    MANIFEST,
    SCHEMA_VERSION,
    SPLITS,
    VOCABULARY,
    OwnData,
    Prepared,
    Source,
    vocabulary_content,
)
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import atomic, hash_file, hash_json, write_json


def prepare(*, dataset: str, raw: Path, output: Path) -> None:
    """Check the raw files again, prepare ``dataset`` and write it to the folder ``output``.

    Raises:
        UsageError: there is no such data set.
        DataError: a raw file is missing or not as listed in ``datasets.tsv``, or its content is wrong.
    """
    module = datasets.load_module(dataset)
    sources = {source.file: source for source in datasets.sources(dataset)}
    for file, source in sources.items():
        _check_raw(raw / file, source)
    contents = {file: source.sha256 for file, source in sources.items()}
    _write(dataset, module, module.prepare(raw), contents, output)


def prepare_own(*, dataset: str, own: OwnData, output: Path) -> None:
    """Prepare a user's own data under the name ``dataset``, and write them to the folder ``output``.

    Nothing that is written depends on where the files are.

    Raises:
        UsageError: the name is not free, or the path does not mean such files.
        DataError: their content is wrong.
        ResourceError: they do not fit into the memory.
    """
    datasets.require_own_name(dataset)
    contents = own.contents()
    _write(dataset, datasets.load_module(own.module), own.prepare(), contents, output)


def _write(dataset: str, module: ModuleType, prepared: Prepared, contents: dict[str, str], output: Path) -> None:
    check(dataset, module.TASK, prepared)
    (output / MANIFEST).unlink(missing_ok=True)
    entries = {}
    for name, array in prepared.arrays.items():
        path = output / f"{name}.npy"
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, array)
        entries[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "sha256": hash_file(path)}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset,
        "version": module.VERSION,
        "task": module.TASK,
        "facts": prepared.facts,
        "arrays": entries,
        "sources": contents,
    }
    data_sha256 = hash_json(manifest)
    if prepared.vocabulary:
        write_json(output / VOCABULARY, vocabulary_content(data_sha256, prepared.vocabulary))
    write_json(output / MANIFEST, {**manifest, "sha256": data_sha256})


def check(dataset: str, task: str, prepared: Prepared) -> None:
    """Check that the arrays of a data set have the formats of its task.

    Only this function compares ids with the vocabulary; XLA silently clamps an id that is out of range.

    Raises:
        DataError: an array is missing, unexpected, empty, of another type or shape, or holds a value out of range.
    """
    if task == "language_model":
        expected: dict[str, tuple[str, int, str | None]] = dict.fromkeys(SPLITS, ("int32", 1, "vocab_size"))
    else:
        expected = {f"{split}_images": ("uint8", 3, None) for split in SPLITS}
        expected |= {f"{split}_labels": ("uint8", 1, "classes") for split in SPLITS}
    if prepared.arrays.keys() != expected.keys():
        raise DataError(
            f"data set {dataset}: expected the arrays {', '.join(expected)}, found {', '.join(prepared.arrays)}"
        )
    words = len(set(prepared.vocabulary))
    if task == "language_model" and not words == len(prepared.vocabulary) == prepared.facts["vocab_size"]:
        raise DataError(
            f"data set {dataset}: expected {prepared.facts['vocab_size']} different words, found {words} in a "
            f"vocabulary of {len(prepared.vocabulary)}"
        )
    for name, (dtype, ndim, limit_name) in expected.items():
        array = prepared.arrays[name]
        if array.dtype != dtype or array.ndim != ndim or array.size == 0:
            raise DataError(
                f"data set {dataset}: expected {name} to be {dtype} with {ndim} dimensions and not empty, "
                f"found {array.dtype}{list(array.shape)}"
            )
        if limit_name and not (array.min() >= 0 and array.max() < int(prepared.facts[limit_name])):
            raise DataError(
                f"data set {dataset}: expected values of {name} from 0 to below "
                f"{limit_name} {prepared.facts[limit_name]}, found {array.min()} to {array.max()}"
            )
        images = name.replace("_labels", "_images")
        if len(array) != len(prepared.arrays[images]):
            raise DataError(
                f"data set {dataset}: expected a label for each of {len(prepared.arrays[images])} {images}, "
                f"found {len(array)}"
            )


def _check_raw(path: Path, source: Source) -> None:
    if not path.is_file():
        raise DataError(f"{path}: missing; download it first")
    if not datasets.is_listed(path, source):
        raise DataError(
            f"{path}: expected sha256 {source.sha256}, found {hash_file(path)}; delete it and download it again"
        )

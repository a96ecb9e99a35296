"""Penn Treebank text as preprocessed by Mikolov: 10,000 words, rare ones already ``<unk>``, numbers ``N``.

Names and results of the four reader functions are those of the TensorFlow tutorial
(``models/tutorials/rnn/ptb/reader.py``), in NumPy.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lstmbench.datasets import SPLITS, Prepared
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.escaping import printable
from lstmbench.utils.text_files import read_text, remarks

TASK = "language_model"
VERSION = 1

END_OF_SENTENCE = "<eos>"


def prepare(raw: Path) -> Prepared:
    """Convert ``ptb.{train,valid,test}.txt`` to word ids, numbered by the training text's vocabulary.

    Raises:
        DataError: a file is missing, empty or no text, or holds a word that the training text lacks.
    """
    for split in SPLITS:
        for remark in remarks(raw / f"ptb.{split}.txt", END_OF_SENTENCE):
            print(printable(remark), file=sys.stderr)
    word_to_id = build_vocab(raw / "ptb.train.txt")
    arrays = {split: file_to_word_ids(raw / f"ptb.{split}.txt", word_to_id) for split in SPLITS}
    return Prepared(arrays, {"vocab_size": len(word_to_id)}, list(word_to_id))


def read_words(path: Path) -> list[str]:
    """Return the words of a text, with ``<eos>`` for each line end.

    Raises:
        DataError: the file is missing, holds no words, or is no text (``text_files.read_text``).
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path}: expected words, found none in {path.stat().st_size} bytes")
    return text.replace("\n", f" {END_OF_SENTENCE} ").split()


def build_vocab(path: Path) -> dict[str, int]:
    """Return word -> id, ordered by falling frequency and, among equals, by word."""
    counts = Counter(read_words(path))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(ordered)}


def file_to_word_ids(path: Path, word_to_id: dict[str, int]) -> np.ndarray:
    """Return the text as ids, int32[tokens].

    The tutorial drops words that the vocabulary lacks, so that perplexities of different vocabularies look comparable.
    Here they are an error.

    Raises:
        DataError: the vocabulary lacks words of the text (the first five are listed).
    """
    words = read_words(path)
    missing = list(dict.fromkeys(word for word in words if word not in word_to_id))
    if missing:
        raise DataError(
            f"{path}: {len(missing)} words are not in the vocabulary of the training text: "
            f"{', '.join(map(repr, missing[:5]))}{', ...' if len(missing) > 5 else ''}"
        )
    return np.array([word_to_id[word] for word in words], np.int32)


def batch_windows(ids: np.ndarray, batch_size: int, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text (int32[tokens]) into all batches of an epoch: x, y int32[steps, batch, num_steps].

    The text is split into ``batch_size`` rows, which are read from left to right, ``num_steps`` words at a time.  So a
    row of a batch continues where the same row of the previous batch ended.  y is x shifted by one word.  Words that do
    not fill a row or a window are left out.  With the text 0 1 2 ... 15, batch_size 2 and num_steps 3:

        row 0    0 1 2 | 3 4 5 | 6 7        x[0] = 0  1  2    y[0] = 1  2  3
        row 1    8 9 10|11 12 13|14 15             8  9 10           9 10 11
                                            x[1] = 3  4  5    y[1] = 4  5  6
                                                  11 12 13          12 13 14

    Raises:
        UsageError: the text is too short for a single batch.
    """
    if batch_size < 1 or num_steps < 1:
        raise UsageError(f"batch_size and num_steps must be at least 1, found {batch_size} and {num_steps}")
    row_length = len(ids) // batch_size
    steps = (row_length - 1) // num_steps
    if steps < 1:
        raise UsageError(
            f"a text of {len(ids)} tokens gives no batch of batch_size {batch_size} and num_steps {num_steps}; "
            f"at this batch_size num_steps may be at most {max(row_length - 1, 0)}, "
            f"at this num_steps batch_size at most {len(ids) // (num_steps + 1)}"
        )
    rows = np.asarray(ids, np.int32)[: batch_size * row_length].reshape(batch_size, row_length)

    def cut(start: int) -> np.ndarray:
        columns = rows[:, start : start + steps * num_steps]
        return np.ascontiguousarray(columns.reshape(batch_size, steps, num_steps).swapaxes(0, 1))

    return cut(0), cut(1)


def batch_producer(raw_data: np.ndarray, batch_size: int, num_steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches (x, y) of one epoch, each int32[batch, num_steps], as shown in ``batch_windows``."""
    yield from zip(*batch_windows(raw_data, batch_size, num_steps), strict=True)

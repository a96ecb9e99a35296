"""Text that a user supplies: a UTF-8 file, or a folder with one for each of train, valid and test.

It is read word by word (as PTB: separated by white space, each line end ``<eos>``) or character by character (a line
end is one too).  What the training text has only once is ``<unk>``, so that a model learns what to expect of a word
that it does not know; so is everything that the training text does not have.

Of a single file the first 90 % of the lines are for training, the next 5 % for validation, the last 5 % for the test.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from lstmbench.datasets import SPLITS, Prepared
from lstmbench.datasets.ptb import END_OF_SENTENCE
from lstmbench.system.hardware import memory_limit_bytes
from lstmbench.utils.archives import archive_format
from lstmbench.utils.errors import DataError, ResourceError, UsageError
from lstmbench.utils.escaping import printable
from lstmbench.utils.files import hash_file
from lstmbench.utils.text_files import read_text, remarks

TASK = "language_model"
VERSION = 1

Level = Literal["word", "character"]

UNKNOWN = "<unk>"

MIN_COUNT = 2
"""A word that the training text has less often than this is ``UNKNOWN``."""

ENDS = {"train": 90, "valid": 95, "test": 100}
"""Where each split of a single file ends, in percent of its lines."""

MIN_LINES = 20
"""With fewer lines, a split of a single file would be empty."""

BYTES_PER_BYTE = 8
"""Memory that a text needs while it is prepared: the text, its lines, and 4 bytes for each id."""


def contents(path: Path) -> dict[str, str]:
    """Return the sha256 of each file that ``path`` means, by split; ``all`` if it is a single file.

    Raises:
        UsageError: there is no such file, or the folder lacks one; it is an archive; two splits are the same text.
    """
    found = {name: hash_file(file) for name, file in _files(path).items()}
    for first, second in combinations(found, 2):
        if found[first] == found[second]:
            raise UsageError(f"{path}: expected another text for {second} than for {first}, found the same")
    return found


def prepare(path: Path, level: Level) -> Prepared:
    """Convert a text to the ids of its words or characters, numbered by falling frequency in the training text.

    Raises:
        UsageError: as ``contents``.
        DataError: a file is empty, not UTF-8, has no line ends or those of another system, or too few lines to split.
        ResourceError: the text does not fit into the memory.
    """
    files = _files(path)
    _require_memory(files.values())
    texts = {name: _read(file, level) for name, file in files.items()}
    # Not splitlines, which also splits at characters that are no line end to read_text.
    lines = {name: io.StringIO(text, newline="\n").readlines() for name, text in texts.items()}
    how = f"The files for {', '.join(SPLITS)} were supplied apart"
    if "all" in lines:
        whole = lines["all"]
        lines = _split(path, whole)
        how = (
            f"Of the {len(whole):,} lines the first {ENDS['train']} % are for training, the next "
            f"{ENDS['valid'] - ENDS['train']} % for validation, the last {ENDS['test'] - ENDS['valid']} % for the test"
        )
    vocabulary = _vocabulary(tokens(lines["train"], level))
    numbers = {word: number for number, word in enumerate(vocabulary)}
    unknown = numbers[UNKNOWN]
    arrays = {
        split: np.fromiter((numbers.get(token, unknown) for token in tokens(lines[split], level)), np.int32)
        for split in SPLITS
    }
    shares = {split: float(np.mean(ids == unknown)) for split, ids in arrays.items()}
    train, valid, test = (f"{len(arrays[split]):,}" for split in SPLITS)
    about = (
        f"Text that the user supplied, read {level} by {level}: {train} {level}s for training, {valid} for validation "
        f"and {test} for the test. {how}. The vocabulary has {len(vocabulary):,} {level}s. "
        f"What the training text has only once, or not at all, is {UNKNOWN}: "
        f"{100 * shares['test']:.2g} % of the test."
    )
    if level == "character":
        about += " A perplexity here is per character, and cannot be compared with one per word."
    facts: dict[str, int | float | str] = {"vocab_size": len(vocabulary), "level": level, "about": about}
    facts |= {f"unknown_share_{split}": share for split, share in shares.items()}
    return Prepared(arrays, facts, vocabulary)


def _files(path: Path) -> dict[str, Path]:
    """Return the files that ``path`` means; a folder has one with train, valid and test between dots of its name."""
    if not path.is_dir():
        return {"all": _text_file(path)}
    there = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    found = {split: [file for file in there if split in file.name.split(".")] for split in SPLITS}
    for split, files in found.items():
        if len(files) != 1:
            names = ", ".join(file.name for file in files) or "none"
            raise UsageError(
                f"{path}: expected one file for each of train, valid and test, such as {split}.txt; found {names} for "
                f"{split}; to split one text by its lines, give the path of that file"
            )
    return {split: _text_file(file) for split, (file,) in found.items()}


def _text_file(path: Path) -> Path:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise UsageError(f"{path}: expected a text file (UTF-8), found {found}")
    if kind := archive_format(path):
        raise UsageError(f"{path}: expected a text file (UTF-8), found {kind}; unpack it, and give the text's path")
    return path


def _require_memory(files: Collection[Path]) -> None:
    size = sum(file.stat().st_size for file in files)
    needed, limit = BYTES_PER_BYTE * size, memory_limit_bytes()
    if needed > limit:
        raise ResourceError(
            f"{', '.join(map(str, files))}: a text of {size:,} bytes needs about {needed / 1e6:,.0f} MB of memory; "
            f"expected no more than {limit / 1e6:,.0f} MB: take a part of it"
        )


def _read(path: Path, level: Level) -> str:
    try:
        text = read_text(path)
    except DataError as error:
        raise DataError(
            f"{error}; save it as UTF-8 text with LF line ends and no control characters (iconv, dos2unix, tr -d)"
        ) from error
    if not text.strip():
        raise DataError(f"{path}: expected {level}s, found none in {path.stat().st_size} bytes")
    lines, returns = text.count("\n"), text.count("\r\n")
    if returns:
        raise DataError(
            f"{path}: expected line ends LF, found CR LF in {returns:,} of {lines:,} lines; convert it (dos2unix)"
        )
    if not lines:
        raise DataError(
            f"{path}: expected line ends, found none in {len(text):,} characters; break it into lines, as fold -s does"
        )
    if level == "word":
        for remark in remarks(path, END_OF_SENTENCE):
            print(printable(remark), file=sys.stderr)
    return text


def _split(path: Path, lines: list[str]) -> dict[str, list[str]]:
    if len(lines) < MIN_LINES:
        raise DataError(
            f"{path}: expected at least {MIN_LINES} lines, to be split into train, valid and test, found {len(lines)}; "
            "break it into lines, or give a folder with a file for each"
        )
    ends = [0, *(len(lines) * percent // 100 for percent in ENDS.values())]
    return {split: lines[begin:end] for split, (begin, end) in zip(ENDS, pairwise(ends), strict=True)}


def tokens(lines: Iterable[str], level: Level) -> Iterator[str]:
    """Yield the words of the lines, with ``<eos>`` for each line end, or their characters."""
    for line in lines:
        if level == "character":
            yield from line
        else:
            yield from line.split()
            if line.endswith("\n"):
                yield END_OF_SENTENCE


def _vocabulary(words: Iterable[str]) -> list[str]:
    """Return the words by falling frequency and, among equals, by word; ``<unk>`` counts for all that it replaces."""
    counts: Mapping[str, int] = Counter(words)
    kept = Counter({word: count for word, count in counts.items() if count >= MIN_COUNT})
    kept[UNKNOWN] = counts.get(UNKNOWN, 0) + sum(count for word, count in counts.items() if count < MIN_COUNT)
    return sorted(kept, key=lambda word: (-kept[word], word))

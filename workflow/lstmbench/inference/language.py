"""Read and write text with a kept language model: words become ids, and ids probabilities of the next word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmbench.datasets import Dataset, load_vocabulary
from lstmbench.datasets.own_text import UNKNOWN, Level
from lstmbench.datasets.ptb import END_OF_SENTENCE, read_words
from lstmbench.implementations.reference import State
from lstmbench.inference.kept_model import KeptModel, data_of, open_model, require_task
from lstmbench.utils.errors import UsageError
from lstmbench.utils.escaping import short
from lstmbench.utils.text_files import read_text

_VISIBLE = str.maketrans({" ": "\u2423", "\n": "\u23ce", "\t": "\u21e5"})
"""Signs for the characters that cannot be seen."""

WINDOW = 100
"""Words per forward pass.  The state is carried, so any window gives the same probabilities."""


@dataclass(frozen=True)
class LanguageModel:
    """A kept language model, its data, and the word of each id; of a text read by characters these are the words."""

    kept: KeptModel
    dataset: Dataset
    words: tuple[str, ...]

    @property
    def level(self) -> Level:
        """Return what the model predicts: the next word or the next character."""
        return self.kept.record.data.level

    @property
    def end(self) -> str:
        """Return the word, or the character, for the end of a line."""
        return END_OF_SENTENCE if self.level == "word" else "\n"

    def split(self, text: str) -> list[str]:
        """Return the words, or the characters, of a line."""
        return text.split() if self.level == "word" else list(text)

    def ids(self, words: Sequence[str]) -> np.ndarray:
        """Return the id of each word, int32[words]; a word that the vocabulary lacks is ``<unk>``, if it has that.

        Raises:
            UsageError: words are unknown, and the vocabulary has no ``<unk>``.
        """
        number = {word: place for place, word in enumerate(self.words)}
        lacking = list(dict.fromkeys(word for word in words if word not in number))
        if lacking and UNKNOWN not in number:
            known = ", ".join(map(short, self.words[:5]))
            raise UsageError(
                f"the vocabulary of {self.kept.record.run.dataset} has {len(self.words)} words ({known}, ...) and no "
                f"{UNKNOWN}: expected these only, found {', '.join(map(short, lacking[:5]))}"
            )
        return np.array([number.get(word, number.get(UNKNOWN)) for word in words], np.int32)

    def read(self, path: Path) -> list[str]:
        """Return the words of a text file, as those of the data set were read.

        Raises:
            UsageError: there is no such file.
            DataError: it holds no words or is no text.
        """
        if not path.exists():
            raise UsageError(f"{path}: expected a text file, found nothing")
        if self.level == "word" and self.beginning():
            return read_words(path)
        return self.split(read_text(path))

    def beginning(self) -> list[str]:
        """Return what stands before a text: the end of a line, or nothing if the vocabulary lacks that."""
        return [self.end] if self.end in self.words else []

    def initial_state(self) -> State:
        """Return the state before any word."""
        return self.kept.learner.initial_state(1)

    def next_words(self, ids: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Return the logits of the word after the last of ``ids`` int32[words], float64[vocabulary], and the state.

        Raises:
            ValueError: ``ids`` is empty.
        """
        if not len(ids):
            raise ValueError("expected at least one word, found none")
        for window in windows(ids):
            logits, state = self.kept.logits(window[np.newaxis], state)
        return logits[-1, 0].astype(np.float64), state


def open_language_model(run: Path, data: Path) -> LanguageModel:
    """Open the model of a run on text; ``data``: the folder of the prepared data sets.

    Raises:
        DataError: as for ``open_model`` and ``language_model``.
    """
    return language_model(open_model(run), data)


def language_model(kept: KeptModel, data: Path) -> LanguageModel:
    """Return a model with the words of its ids; ``data``: the folder of the prepared data sets.

    Raises:
        DataError: the run is on images, or the data set is missing, damaged or another one.
    """
    require_task(kept, "language_model")
    return LanguageModel(kept, data_of(kept, data), load_vocabulary(data / kept.record.run.dataset))


def windows(ids: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a text int32[words] in pieces of at most ``WINDOW`` words."""
    for begin in range(0, len(ids), WINDOW):
        yield ids[begin : begin + WINDOW]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log probabilities over the last axis, float64; subtracting the largest keeps exp from overflowing."""
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


def shown(words: Sequence[str], level: Level = "word") -> str:
    """Return words as a text, with a line end for each end of a sentence, or characters as they are."""
    if level == "character":
        return "".join(words)
    lines = " ".join(words).split(END_OF_SENTENCE)
    return "\n".join(line.strip() for line in lines)


def visible(word: str) -> str:
    """Return a word with a sign for each space, tab and line end, which are characters of a text read by these."""
    return word.translate(_VISIBLE)

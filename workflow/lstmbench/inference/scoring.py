"""Say how well a kept language model predicts a text, word by word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lstmbench.inference.language import LanguageModel, log_softmax, windows
from lstmbench.statistics.perplexity import perplexity
from lstmbench.utils.errors import DataError
from lstmbench.utils.progress import Progress


@dataclass(frozen=True)
class Scored:
    """The words of a text that were predicted, and -log2 of the probability of each, in bits."""

    words: list[str]
    read_as: list[str]  # the same, but <unk> for a word that the vocabulary lacks
    bits: list[float]

    @property
    def perplexity(self) -> float:
        """Return the perplexity of the mean surprise."""
        return _perplexity(self.bits)


def score(model: LanguageModel, words: Sequence[str]) -> Scored:
    """Return the surprise of each word, given those before it.

    The first is predicted from the end of a sentence; a vocabulary without that predicts from the second word on.

    Raises:
        DataError: the text has no word that could be predicted.
        UsageError: the vocabulary lacks words of the text, and has no ``<unk>``.
    """
    ids, state = model.ids([*model.beginning(), *words]), model.initial_state()
    if len(ids) < 2:
        raise DataError(f"expected a text with words to predict, found {len(words)} words")
    progress = Progress(len(ids) - 1, 0, "score", unit="words")
    bits: list[float] = []
    try:
        for window, targets in zip(windows(ids[:-1]), windows(ids[1:]), strict=True):
            logits, state = model.kept.logits(window[np.newaxis], state)
            chosen = log_softmax(logits[:, 0])[np.arange(len(targets)), targets]
            bits += (-chosen / math.log(2)).tolist()
            progress.advance(len(targets), f"perplexity {_perplexity(bits):.2f}")
    finally:
        progress.close()
    read_as = [model.words[number] for number in ids[1:]]
    return Scored(list(words)[-len(bits) :], read_as, bits)


def _perplexity(bits: Sequence[float]) -> float:
    return perplexity(math.fsum(bits) / len(bits) * math.log(2))

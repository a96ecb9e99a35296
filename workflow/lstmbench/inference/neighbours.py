"""Find the words whose embeddings are nearest to that of a word."""

from __future__ import annotations

import numpy as np

from lstmbench.inference.language import LanguageModel
from lstmbench.utils.validation import require_known


def neighbours(model: LanguageModel, word: str, count: int) -> list[tuple[str, float]]:
    """Return the ``count`` other words with the largest cosine to ``word``, and their cosines, the largest first.

    Raises:
        UsageError: the vocabulary lacks the word.
    """
    require_known("word", word, model.words)
    embedding = model.kept.learner.weights()["embedding"].astype(np.float64)
    length = np.linalg.norm(embedding, axis=1, keepdims=True)
    embedding /= np.maximum(length, np.finfo(np.float64).tiny)  # a vector of zeros has cosine 0 with all others
    place = model.words.index(word)
    cosines = embedding @ embedding[place]
    order = np.argsort(-cosines, kind="stable")
    return [(model.words[one], float(cosines[one])) for one in order if one != place][:count]

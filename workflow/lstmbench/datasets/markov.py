"""markov: a text drawn from a known source, so the lowest perplexity that any model can reach is known.

The source is a class-based n-gram model (Brown et al. 1992, "Class-based n-gram models of natural
language", Computational Linguistics 18:467-479).  Each of 64 words belongs to one of 8 classes, 8
words to a class.  The class of the next word depends on the classes of the last four words, each of
which adds its own vote, drawn once from a fixed seed, to the logits; within its class a word has a
Zipf probability:

    p(class c | past) = softmax_c(sum over k = 1..4 of vote[k, class of the word k steps ago, c])
    p(word of rank r | class) proportional to 1 / r

A word determines its class, so the past four words determine the state of the source.  Therefore the entropy rate is
the mean entropy of the next word under the stationary distribution of the 8**4 states (Cover & Thomas, "Elements of
Information Theory", section 4.2).  The lowest perplexity is exp of that.  No model that sees fewer words comes near it.
The best possible perplexity, if the probabilities are known, by the number of past words that a model sees:

    0       1       2       3       4 and more
    46.67   33.34   25.60   17.90   14.82
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmbench.datasets import Prepared

TASK = "language_model"
VERSION = 1

ORDER = 4
CLASSES = 8
WORDS_PER_CLASS = 8
VOTE = 2.6  # votes are uniform(-VOTE, VOTE): strong enough that each matters, weak enough that no word is certain
WORDS = {"train": 150_000, "valid": 10_000, "test": 10_000}
SEED = 1


@dataclass(frozen=True)
class Source:
    """The source's probabilities.

    next_class  float64[8, 8, 8, 8, 8]  of the next class (last axis) after four classes, oldest first
    stationary  float64[8, 8, 8, 8]     of four consecutive classes in a text without beginning or end
    rank        float64[8]              of a word within its class; word = 8 * class + rank
    """

    next_class: np.ndarray
    stationary: np.ndarray
    rank: np.ndarray

    def entropy_given(self, words: int) -> float:
        """Return the entropy of the next word in nats, given the last ``words`` words, at most ``ORDER``.

        Given ``ORDER`` words it is the entropy rate.  Given fewer, it is the lowest cross-entropy of a model of that
        order.
        """
        classes = (self.stationary[..., None] * self.next_class).sum(axis=tuple(range(ORDER - words)))
        return _entropy(classes) - _entropy(classes.sum(axis=-1)) + _entropy(self.rank)


def make_source(seed: int = SEED) -> Source:
    """Draw the votes and compute their stationary distribution."""
    votes = VOTE * (2.0 * _stream(seed, "votes").random((ORDER, CLASSES, CLASSES)) - 1.0)
    logits = np.zeros((CLASSES,) * (ORDER + 1))
    for place, vote in enumerate(votes):
        shape = [1] * (ORDER + 1)
        shape[place] = shape[-1] = CLASSES
        logits += vote.reshape(shape)
    next_class = np.exp(logits)
    next_class /= next_class.sum(axis=-1, keepdims=True)
    rank = 1.0 / np.arange(1, WORDS_PER_CLASS + 1)
    return Source(next_class, _stationary(next_class), rank / rank.sum())


def draw(source: Source, words: int, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a text that begins at a random place in the source's endless text.

    Returns:
        The words, int32[words], and -log of the source's probability of each in nats, float64[words].  The probability
        is conditional on all words before it, including those before the beginning.
    """
    next_class = source.next_class.reshape(-1, CLASSES)
    bounds = np.cumsum(next_class, axis=1)[:, :-1].tolist()
    states = len(bounds)
    state = int(np.searchsorted(np.cumsum(source.stationary)[:-1], stream.random(), side="right"))
    past = np.empty(words, np.int64)
    classes = np.empty(words, np.int64)
    for place, chance in enumerate(stream.random(words).tolist()):
        past[place] = state
        classes[place] = drawn = bisect_right(bounds[state], chance)
        state = (state * CLASSES + drawn) % states
    ranks = np.searchsorted(np.cumsum(source.rank)[:-1], stream.random(words), side="right")
    surprise = -np.log(next_class[past, classes]) - np.log(source.rank[ranks])
    return (classes * WORDS_PER_CLASS + ranks).astype(np.int32), surprise


def prepare(raw: Path) -> Prepared:
    """Draw the three splits; ``raw`` is ignored.

    The facts are:

        vocab_size, order
        entropy_rate_nats                       per word
        floor_perplexity                        exp of the entropy rate
        order_{k}_perplexity                    the lowest of models that see only k past words
        source_cross_entropy_nats_{split}       the source's own mean -log p of the predicted words

    By chance a finite split is slightly easier or harder than the entropy rate, so the last one is the floor for the
    words of that split.
    """
    source = make_source()
    drawn = {name: draw(source, words, _stream(SEED, name)) for name, words in WORDS.items()}
    entropy_rate = source.entropy_given(ORDER)
    facts = {
        "vocab_size": CLASSES * WORDS_PER_CLASS,
        "order": ORDER,
        "entropy_rate_nats": entropy_rate,
        "floor_perplexity": np.exp(entropy_rate),
    }
    facts |= {f"order_{words}_perplexity": np.exp(source.entropy_given(words)) for words in range(ORDER)}
    # The first word of a split is never predicted.
    facts |= {f"source_cross_entropy_nats_{name}": surprise[1:].mean() for name, (_, surprise) in drawn.items()}
    return Prepared(
        arrays={name: text for name, (text, _) in drawn.items()},
        # Rounded, because the last digits depend on the machine's order of summation.
        facts={name: value if isinstance(value, int) else round(float(value), 9) for name, value in facts.items()},
        # A letter for the class, a number for the rank within it: a1, the most frequent of its class, to h8.
        vocabulary=[f"{letter}{rank}" for letter in "abcdefgh" for rank in range(1, WORDS_PER_CLASS + 1)],
    )


def _stationary(next_class: np.ndarray) -> np.ndarray:
    """Compute the stationary distribution of the state; it exists, because every probability is positive."""
    stationary = np.full((CLASSES,) * ORDER, 1.0 / CLASSES**ORDER)
    change = 1.0
    while change > 1e-13:
        after = (stationary[..., None] * next_class).sum(axis=0)
        change = float(np.abs(after - stationary).sum())
        stationary = after
    result: np.ndarray = stationary / stationary.sum()
    return result


def _entropy(probabilities: np.ndarray) -> float:
    return float(-(probabilities * np.log(probabilities)).sum())


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(name.encode())]))

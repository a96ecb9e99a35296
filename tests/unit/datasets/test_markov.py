"""The source of the markov text is what it says, and so is its floor."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from lstmbench.datasets import markov
from lstmbench.utils.files import hash_arrays

# sha256 of the arrays of VERSION 1, as first drawn; another hash needs another VERSION.
GOLDEN = "0b740a921446d92fd1ff576a82b74a6cc1a03f7a490409b81fe76ad5be033237"

STATES = markov.CLASSES**markov.ORDER


@pytest.fixture(scope="module")
def source():
    return markov.make_source()


@pytest.fixture(scope="module")
def prepared():
    return markov.prepare(Path("not looked at"))


def count_model_perplexity(train, test, order, smoothing=0.1):
    """Of relative frequencies of words after ``order`` words, with additive smoothing."""
    words = markov.CLASSES * markov.WORDS_PER_CLASS

    def contexts(text):
        return sum(text[place : len(text) - order + place].astype(np.int64) * words**place for place in range(order))

    counts = np.full((words**order, words), smoothing)
    np.add.at(counts, (contexts(train), train[order:]), 1.0)
    probability = counts / counts.sum(axis=1, keepdims=True)
    return math.exp(-np.log(probability[contexts(test), test[order:]]).mean())


def test_the_arrays_of_this_version_never_change(prepared):
    assert hash_arrays(prepared.arrays) == GOLDEN


def test_the_arrays_are_texts_of_the_vocabulary(prepared):
    assert {name: len(text) for name, text in prepared.arrays.items()} == markov.WORDS
    for text in prepared.arrays.values():
        assert text.dtype == np.int32
        assert text.min() == 0
        assert text.max() == prepared.facts["vocab_size"] - 1


def test_facts_are_plain_numbers(prepared):
    assert {type(value) for value in prepared.facts.values()} == {int, float}


def test_one_more_word_leaves_the_stationary_distribution_as_it_is(source):
    before = source.stationary.reshape(STATES, 1) * source.next_class.reshape(STATES, -1)
    state, drawn = np.mgrid[0:STATES, 0 : markov.CLASSES]
    after = np.bincount((state * markov.CLASSES + drawn).ravel() % STATES, weights=before.ravel())
    assert after == pytest.approx(source.stationary.ravel(), abs=1e-13)
    assert after.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_entropy_rate_is_the_mean_over_states_of_the_entropy_of_the_next_word(source, prepared):
    words = source.next_class.reshape(STATES, -1)[:, :, None] * source.rank
    assert words.sum(axis=(1, 2)) == pytest.approx(1.0)
    by_hand = float(source.stationary.ravel() @ -(words * np.log(words)).sum(axis=(1, 2)))
    assert prepared.facts["entropy_rate_nats"] == pytest.approx(by_hand, abs=1e-8)
    assert prepared.facts["floor_perplexity"] == pytest.approx(math.exp(by_hand), abs=1e-7)


def test_without_votes_the_source_has_the_entropy_of_independent_words(monkeypatch):
    monkeypatch.setattr(markov, "VOTE", 0.0)
    harmonic = sum(1 / rank for rank in range(1, 9))
    expected = math.log(8) + sum(math.log(rank * harmonic) / (rank * harmonic) for rank in range(1, 9))
    source = markov.make_source()
    assert [source.entropy_given(words) for words in range(5)] == pytest.approx([expected] * 5, abs=1e-12)


def test_a_long_text_costs_its_source_the_entropy_rate(source):
    _, surprise = markov.draw(source, 200_000, np.random.Generator(np.random.Philox(key=[7, 7])))
    # Neighbouring words are not independent, stretches of 1,000 nearly are.
    stretches = surprise.reshape(200, -1).mean(axis=1)
    error = stretches.std(ddof=1) / math.sqrt(len(stretches))
    assert error < 0.005
    assert abs(surprise.mean() - source.entropy_given(markov.ORDER)) < 4 * error


def test_the_surprise_of_a_word_follows_from_the_four_before_it(source):
    text, surprise = markov.draw(source, 500, np.random.Generator(np.random.Philox(key=[7, 7])))
    classes, ranks = np.divmod(text, markov.WORDS_PER_CLASS)
    for place in range(markov.ORDER, 500):
        past = tuple(classes[place - markov.ORDER : place])
        probability = source.next_class[past][classes[place]] * source.rank[ranks[place]]
        assert surprise[place] == pytest.approx(-math.log(probability))


def test_the_source_cross_entropy_of_a_split_is_near_the_entropy_rate(prepared):
    facts = prepared.facts
    for name, text in prepared.arrays.items():
        # One nat of spread per word, and room for dependence between neighbours.
        assert facts[f"source_cross_entropy_nats_{name}"] == pytest.approx(
            facts["entropy_rate_nats"], abs=6 / math.sqrt(len(text))
        )


def test_every_further_word_of_memory_pays(prepared):
    facts = prepared.facts
    ladder = [facts[f"order_{words}_perplexity"] for words in range(markov.ORDER)] + [facts["floor_perplexity"]]
    assert all(shorter > 1.15 * longer for shorter, longer in itertools.pairwise(ladder))


def test_the_docstring_tells_the_ladder_as_computed(prepared):
    facts = prepared.facts
    ladder = [facts[f"order_{words}_perplexity"] for words in range(markov.ORDER)] + [facts["floor_perplexity"]]
    assert "   ".join(f"{perplexity:.2f}" for perplexity in ladder) in markov.__doc__


@pytest.mark.parametrize("order", [1, 2])
def test_bigram_and_trigram_counts_stay_far_above_the_floor(prepared, order):
    perplexity = count_model_perplexity(prepared.arrays["train"], prepared.arrays["test"], order)
    assert perplexity > 1.7 * prepared.facts["floor_perplexity"]
    # No model of that order beats the best one, but for the luck of a finite test.
    assert perplexity > 0.97 * prepared.facts[f"order_{order}_perplexity"]


def test_no_word_is_missing_or_drowns_the_others(prepared):
    share = np.bincount(prepared.arrays["train"], minlength=64) / len(prepared.arrays["train"])
    assert share.min() > 0.001
    assert share.max() < 0.15


def test_no_stretch_of_one_split_stands_in_another(prepared):
    stretches = [
        {window.tobytes() for window in np.lib.stride_tricks.sliding_window_view(text, 15)}
        for text in prepared.arrays.values()
    ]
    for number, stretch in enumerate(stretches):
        for other in stretches[:number]:
            assert stretch.isdisjoint(other)

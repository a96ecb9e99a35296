"""Write text with a kept language model, one word after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmbench.inference.language import LanguageModel


def generate(
    model: LanguageModel, count: int, prompt: Sequence[str] = (), temperature: float = 1.0, seed: int = 1
) -> list[str]:
    """Return the ``count`` words that follow a prompt.

    Each is drawn with a probability proportional to exp(logit / temperature); at 0 it is the most likely one.  The same
    weights and seed give the same words.

    Raises:
        UsageError: the vocabulary lacks words of the prompt, and has no ``<unk>``.
    """
    stream = np.random.Generator(np.random.Philox(key=seed))
    context, state = model.ids([*model.beginning(), *prompt] or [model.words[0]]), model.initial_state()
    written: list[str] = []
    for _ in range(count):
        logits, state = model.next_words(context, state)
        chosen = _draw(logits, temperature, stream.random())
        written.append(model.words[chosen])
        context = np.array([chosen], np.int32)
    return written


def _draw(logits: np.ndarray, temperature: float, chance: float) -> int:
    """Return the place at which the cumulative probability passes ``chance``, from 0 to below 1."""
    if temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # of a temperature near 0: what is infinitely less likely has probability 0
        cumulative = np.exp((logits - logits.max()) / temperature).cumsum()
    return int(np.searchsorted(cumulative, chance * cumulative[-1], side="right"))

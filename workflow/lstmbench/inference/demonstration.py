"""Show what the kept models of a data set learned: first seed, largest size, each implementation once."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from lstmbench.inference.generation import generate
from lstmbench.inference.kept_model import open_model
from lstmbench.inference.language import LanguageModel, language_model, log_softmax, shown, visible
from lstmbench.inference.learned import Continuation, Learned, Sentence, Shown
from lstmbench.inference.mistakes import confusion
from lstmbench.orchestration.selection import Selection
from lstmbench.records.run import MODEL, read_record
from lstmbench.records.run_record import RunRecord
from lstmbench.utils.clock import Stopwatch

SECONDS = 60.0
"""What a data set may take.  Each implementation takes about as long as the one before it."""

PROMPTS, LIKELY = 3, 5
"""Prompts, and the number of likely words after each."""

PROMPT_WORDS = {"word": 3, "character": 20}
DRAWN = {"word": 15, "character": 80}
"""Words or characters of a prompt, and those that are drawn after it."""

SENTENCE_WORDS = (10, 25)
"""Words, or characters, of the sentence that is shown: at least, if the text has such sentences, and at most."""

SEARCHED_WORDS = 10_000
"""The sentences are among the first words, or characters, of the test split."""


def demonstrate(selection: Selection, dataset: str, data: Path) -> Learned:
    """Return what the models of ``dataset`` show; ``data``: the folder of the prepared data sets.

    Raises:
        DataError: a record, a model or the data set is bad.
    """
    records = [(path, read_record(path)) for path in selection.records_of(dataset)]
    complete = [(path, record) for path, record in records if isinstance(record, RunRecord)]
    kept = [(path, record) for path, record in complete if path.with_name(MODEL).exists()]
    if not kept:
        why = "no run kept its model: train with keep_models: true" if complete else "no run was complete"
        size = selection.sizes[0]
        return Learned(dataset, size, selection.seeds_of(size)[0], [], [f"Of {dataset}, {why}."])
    largest = max(kept, key=lambda one: one[1].parameters)[1].run
    chosen: dict[str, Path] = {}  # each implementation on the first device of the selection
    for path, record in kept:
        if record.run.size == largest.size:
            chosen.setdefault(record.run.implementation, path)
    watch, before = Stopwatch(), 0.0
    result = Learned(dataset, largest.size, largest.seed, [], [], kept[0][1].data.level)
    for implementation, path in chosen.items():
        begin = watch.seconds()
        if before and begin + before > SECONDS:
            result.missing.append(
                f"{implementation} is not shown: the one before it took {before:.0f} s, and a data set has "
                f"{SECONDS:.0f} s; see lstm-bench mistakes, generate and score."
            )
            continue
        result.shown.append(_show(implementation, path, data))
        before = watch.seconds() - begin
    prompts = min((len(one.continuations) for one in result.shown if one.sentence), default=PROMPTS)
    if prompts < PROMPTS:
        result.missing.append(
            f"Of {dataset}, {prompts} of {PROMPTS} continuations are shown: its test split has no more lines."
        )
    return result


def _show(implementation: str, path: Path, data: Path) -> Shown:
    kept = open_model(path)
    if kept.record.data.task == "classifier":
        return Shown(implementation, confusion=confusion(kept, data))
    model = language_model(kept, data)
    sentence, *prompts = _excerpts(model)
    return Shown(
        implementation,
        sentence=_predicted(model, sentence),
        continuations=tuple(_continuation(model, words[: PROMPT_WORDS[model.level]]) for words in prompts),
    )


def _excerpts(model: LanguageModel) -> list[list[str]]:
    """Return the first sentences of the test split, long ones before short ones: at least one, at most 1 + ``PROMPTS``.

    A text without line ends is cut into pieces instead.  Of a text of nothing but line ends, these are the sentence.
    """
    words = [model.words[number] for number in model.dataset.arrays["test"][:SEARCHED_WORDS]]
    least, most = SENTENCE_WORDS
    if model.beginning():
        sentences = [list(group) for end, group in itertools.groupby(words, model.end.__eq__) if not end]
    else:
        sentences = [words[begin : begin + most] for begin in range(0, len(words), most)]
    long_first = sorted(sentences or [words], key=lambda sentence: len(sentence) < least)
    return [sentence[:most] for sentence in long_first[: 1 + PROMPTS]]


def _predicted(model: LanguageModel, words: list[str]) -> Sentence:
    """Return for each word what the model would have said in its place, given the true words before it."""
    context = model.ids([*model.beginning(), *words])
    logits, _ = model.kept.logits(context[np.newaxis, :-1], model.initial_state())
    choices = [model.words[number] for number in logits[:, 0].argmax(-1)]
    return Sentence([*map(visible, words[-len(choices) :])], [*map(visible, choices)])


def _continuation(model: LanguageModel, prompt: list[str]) -> Continuation:
    logits, _ = model.next_words(model.ids([*model.beginning(), *prompt]), model.initial_state())
    probabilities = np.exp(log_softmax(logits))
    best = np.argsort(-probabilities, kind="stable")[:LIKELY]
    likely = {visible(model.words[one]): float(probabilities[one]) for one in best}
    drawn = shown(generate(model, DRAWN[model.level], prompt), model.level)
    return Continuation(shown(prompt, model.level), likely, drawn.replace("\n", " / "))

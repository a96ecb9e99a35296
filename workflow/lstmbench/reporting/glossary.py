"""Explain the words of the page: those of the first screen beside it, all of them and the verdicts in the glossary."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lstmbench.reporting import margins
from lstmbench.reporting.interference import reasons
from lstmbench.reporting.speed import GOOD
from lstmbench.statistics.verdict import Kind

WORDS = {
    "\N{PLUS-MINUS SIGN}": "Half of the 95 % interval over the seeds.",
    "95 % interval": "A range around a mean that says how far chance may have moved it: a t-interval over the seeds, "
    "the processes or the pairs. One value has none.",
    "_fused": "The same model with fewer passes over memory: the workflow's own faster way to write it.",
    "_plain": "As tutorials write it, with the library's own gradient clipping, which is inexact on large models.",
    "accuracy": "Higher is better: the share of test images that are recognised.",
    "baseline machine": "A machine whose records come with the workflow, in results/baselines.",
    "block": "Consecutive training steps that are timed together.",
    "bundle": "The records of one machine in one file: make bundle writes it, make compare compares several.",
    "capped": "Cut short by the configuration (fewer updates, or fewer words or images in the test).",
    "case": "One data set, size, implementation and device; it is trained once per seed.",
    "device": "cpu or gpu. After a hyphen: the precision of the matrix products (gpu-bfloat16, gpu-tf32) unless it is "
    "float32, the threads of a worker (cpu-t4) and the workers that share a training (cpu-x2).",
    "disturbed": "Measured while counters of the system show that something outside the workflow used the machine, or "
    "while the blocks spread as if it had. The reason is in the table of speeds; each repeat was disturbed too.",
    "epoch": "One pass over the training data.",
    "floor": "Of a generated text: the perplexity of its own source on the same words. No model is better on average.",
    "GFLOP/s": "Higher is faster: billions of additions and multiplications per second, counting those of the matrix "
    "products in a training step.",
    "n": "How many seeds, processes or pairs a value comes from.",
    "pair": "Two runs from the same initial weights, or two processes of one round.",
    "parity": "How far the numbers of an implementation are from those of the reference, for the same input.",
    "path": "The kernels that a framework executed, as found in the trace of a training step.",
    "perplexity": "Lower is better: among how many words the model still hesitates for the next word.",
    "predicted right": "Higher is better: the share of the next words that the model held to be the most likely.",
    "published": "The best value that a paper or tutorial reports for the size.",
    "reference": "The implementation in NumPy, with every formula by hand. Parity is measured against it in float64.",
    "round": "One process of each implementation; they take turns, a block each.",
    "seed": "Decides the initial weights and the order of the data. One shows that it runs, three show a spread, "
    f"{margins.SEEDS} or more can show that two implementations are equal or different; with fewer, a table says "
    "\N{LEFT DOUBLE QUOTATION MARK}no claim\N{RIGHT DOUBLE QUOTATION MARK}. "
    "\N{PLUS-MINUS SIGN} is half of the 95 % interval over the seeds.",
    "share of the ceiling": "Higher is better. The ceiling is the speed of a training step that does nothing but its "
    "matrix products, as fast as the same framework computes them here one at a time. Below 50 %, most of the time "
    "goes into something else. Above 100 %, the step computes its products faster than they were timed alone. On a GPU "
    "the products of a small case take as long as their launch, and one kernel for many of them may be faster.",
    "size": "The hyper-parameters of one recipe, such as the number of layers and their width; they are under Recipes.",
    "target": "The validation result that training has to reach, for the time to quality.",
    "update, training step": "One batch: forward and backward pass, gradient clipping, new weights.",
    "words/s, images/s": "Higher is faster. Measured apart from training, while the workflow runs nothing else: "
    "processes of the implementations take turns, each for a short timed block of training steps.",
}
"""Signs first, then in alphabetical order."""

OF_A_TEXT = ("perplexity", "capped", "words/s, images/s")
"""The words whose meaning depends on whether texts are read by words or by characters."""

VERDICTS = {
    Kind.GOOD: "A speed that is steady enough to be compared with others or repeated elsewhere.",
    Kind.EQUAL: f"The difference is shown to be small: within {margins.in_words('perplexity')} of a perplexity, "
    f"{margins.in_words('accuracy')} of an accuracy, or {margins.SPEED} of a speed. The 90 % interval of a "
    "quality decides (two one-sided tests at 5 % each). The 95 % interval that is shown may leave the margin, or "
    "exclude 0: a small difference need not be none.",
    Kind.DIFFERENT: "Chance does not explain the difference, even corrected for all comparisons shown together.",
    Kind.FASTER: "The first of the two compared trains faster; beside a baseline and between bundles, the second does. "
    "Chance does not explain it, even corrected for all ratios of one measurement, or all of such a comparison.",
    Kind.SLOWER: "The opposite of faster.",
    Kind.INCONCLUSIVE: "Neither equal nor different is shown, nor which is faster. The interval is too wide, or the "
    "difference is not certain once corrected for all comparisons shown together. More seeds or processes may decide.",
    Kind.NO_CLAIM: f"Too little to judge: fewer than {margins.SEEDS} seeds, or capped runs.",
    Kind.NO_INTERVAL: "One process on a side gives a ratio, but not how far chance may have moved it.",
    Kind.NOT_QUOTABLE: "The ratio of two speeds of which at least one is not good.",
    Kind.HELD_BACK: "The system gave the process less CPU time than its threads could use, for example by a quota.",
    Kind.UNSTEADY: "Most processes became faster or slower while they were measured.",
    Kind.SCATTERED: "The blocks differ too much from each other; the number says by how much.",
    Kind.FAILED: "The run or the process ended with an error; the reason is given.",
    Kind.MISSING: "The first of two bundles has the case, and the second has not.",
    Kind.NOT_COMPARED: "The two differ in more than the machine, or only the second has the case; the reason is given.",
    Kind.WITHIN: "Every deviation from the reference is within the tolerance of the contract tests.",
    Kind.EXCEEDS: "A deviation from the reference is beyond its tolerance; the names of those that are follow.",
    Kind.UNTESTED: "One of the comparisons has no tolerance to be held to.",
}
"""Of every kind, in the order in which a reader meets them."""


def verdicts() -> list[tuple[str, str]]:
    """Return each verdict as tables show it, with its meaning."""
    return [(kind.value or GOOD, meaning) for kind, meaning in VERDICTS.items()]


def explained(runs: pd.DataFrame) -> dict[str, str]:
    """Return ``WORDS``; on a page of texts that were read by characters (``analysis.runs``) those speak of these."""
    level = next(filter(None, runs["level"]), "word")
    if level == "word":
        return WORDS
    own = {word: (word.replace("word", level), WORDS[word].replace("word", level)) for word in OF_A_TEXT}
    own["perplexity"] = (f"perplexity (per {level})", own["perplexity"][1])
    return dict(own.get(word, (word, meaning)) for word, meaning in WORDS.items())


def words(tables: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """Return the words of the first screen of this page, with explanations, from the tables quality, speed and runs."""
    return list(_words(tables["quality"], tables["speed"], tables["runs"]))


def _words(quality: pd.DataFrame, speed: pd.DataFrame, runs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    metrics = set(quality["metric"])
    names = {*runs["implementation"], *speed["implementation"]}
    used = {
        "perplexity": "perplexity" in metrics,
        "accuracy": "accuracy" in metrics,
        "seed": True,
        "case": True,
        "words/s, images/s": not speed.empty,
        "share of the ceiling": not speed.empty and (speed["share"] > 0).any(),
        "_fused": any(name.endswith("_fused") for name in names),
        "capped": (quality["caps"] != "").any(),
    }
    said = dict(zip(WORDS, explained(runs).items(), strict=True))
    for word, is_used in used.items():
        if is_used:
            called, meaning = said[word]
            yield called, meaning + (f" {_interference(speed)}" if word == "words/s, images/s" else "")


def _interference(speed: pd.DataFrame) -> str:
    disturbed = speed.loc[speed["disturbed"] != "", "disturbed"]
    if disturbed.empty:
        return "No other use of the machine was noticed meanwhile."
    return f"{len(disturbed)} of {len(speed)} are disturbed: {reasons(disturbed)}."

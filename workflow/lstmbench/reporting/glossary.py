"""Explain how to read the page: which direction is better, and the words that are used before the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lstmbench.reporting import margins


def words(tables: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """Return each word that this page uses, with its explanation, from the tables quality, speed and runs."""
    return list(_words(tables["quality"], tables["speed"], tables["runs"]))


def _words(quality: pd.DataFrame, speed: pd.DataFrame, runs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    metrics = set(quality["metric"])
    if "perplexity" in metrics:
        yield "perplexity", "Lower is better: among how many words the model still hesitates for the next word."
    if "accuracy" in metrics:
        yield "accuracy", "Higher is better: the share of test images that are recognised."
    yield (
        "seed",
        "Decides the initial weights and the order of the data. One shows that it runs, three show a spread, "
        f"{margins.SEEDS} or more can show that two implementations are equal or different; with fewer, a table says "
        "\N{LEFT DOUBLE QUOTATION MARK}no claim\N{RIGHT DOUBLE QUOTATION MARK}. "
        "\N{PLUS-MINUS SIGN} is half of the 95 % interval over the seeds.",
    )
    yield "case", "One data set, size, implementation and device; it is trained once per seed."
    if not speed.empty:
        yield (
            "words/s, images/s",
            "Higher is faster. Measured apart from training, while the workflow runs nothing else: processes of the "
            "implementations take turns, each for a short timed block of training steps. " + _interference(speed),
        )
        if (speed["share"] > 0).any():
            yield (
                "share of the ceiling",
                "Higher is better. The ceiling is the speed of a training step that does nothing but its matrix "
                "products, as fast as the same framework computes them here. The fastest implementations here have "
                "reached about 60 to 85 % of it at size small, and 90 % or more at large; below 50 %, most of the time "
                "goes into something else.",
            )
    names = {*runs["implementation"], *speed["implementation"]}
    if any(name.endswith("_fused") for name in names):
        yield "_fused", "The same model with fewer passes over memory: the workflow's own faster way to write it."
    if (quality["caps"] != "").any():
        yield "capped", "Cut short by the configuration (fewer updates, or fewer words or images in the test)."


def _interference(speed: pd.DataFrame) -> str:
    disturbed = int((speed["disturbed"] != "").sum())
    if disturbed:
        return (
            f"While {disturbed} of {len(speed)} were measured, something outside the workflow used the machine; the "
            "tables call these disturbed."
        )
    return "No other use of the machine was noticed meanwhile."

"""Show what the kept models of a data set learned: a sentence, likely next words, what is taken for what."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.image import imsave

from lstmbench.inference.learned import Confusion, Learned, Sentence, Shown, read_learned
from lstmbench.reporting.html import Table, as_table
from lstmbench.reporting.names import called
from lstmbench.utils.escaping import one_line

SCALE = 4
"""Width of a test image's pixel in a picture, in pixels."""

CONFUSION_NOTE = (
    "Every test image, by its class (rows) and by the class that the model predicts (columns); right ones are on the "
    "diagonal."
)

NEXT_NOTE = "The probabilities are the model's. A continuation is drawn {level} by {level}; / ends a line."


def by_dataset(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return what the page shows of each data set, from the files of ``lstm-bench learned``.

    Raises:
        DataError: a file is missing, or not such a file.
    """
    found = [read_learned(path) for path in paths]
    return {one.dataset: _shown(one) for one in found}


def png(pixels: list[list[int]]) -> bytes:
    """Return an image, rows of 0 (paper) to 255 (ink), as a PNG file: dark ink on white, enlarged ``SCALE`` times."""
    stream = io.BytesIO()
    enlarged = np.kron(np.array(pixels, np.uint8), np.ones((SCALE, SCALE), np.uint8))
    # Without the version of matplotlib the same pixels are the same bytes.
    imsave(stream, enlarged, cmap="gray_r", vmin=0, vmax=255, format="png", metadata={"Software": ""})
    return stream.getvalue()


def _shown(learned: Learned) -> dict[str, Any]:
    shown = sorted(learned.shown, key=lambda one: one.implementation)  # as in the tables
    return {
        "title": f"What the models learned: {learned.size}, seed {learned.seed}"
        if shown
        else "What the models learned",
        "level": learned.level,
        "sentences": {called(one.implementation): _pairs(one.sentence) for one in shown if one.sentence},
        "next": _next_words(shown, learned.level) if any(one.continuations for one in shown) else None,
        "confusions": [
            {
                "who": called(one.implementation),
                "table": _confusion(one.confusion),
                "mistakes": _mistakes(one.confusion),
            }
            for one in shown
            if one.confusion
        ],
        "missing": [one_line(sentence) for sentence in learned.missing],
    }


def _pairs(sentence: Sentence) -> list[Mapping[str, Any]]:
    return [
        {"true": one_line(true), "predicted": one_line(predicted), "right": true == predicted}
        for true, predicted in zip(sentence.true, sentence.predicted, strict=True)
    ]


def _next_words(shown: Iterable[Shown], level: str) -> Table:
    rows = [
        {
            "after": one_line(continuation.prompt),
            "implementation": one.implementation,
            f"most likely next {level}s": ", ".join(
                f"{one_line(word)} {100 * share:.0f} %" for word, share in continuation.likely.items()
            ),
            "a continuation, drawn": one_line(continuation.drawn),
        }
        for one in shown
        for continuation in one.continuations
    ]
    return as_table(pd.DataFrame(rows).sort_values("after", kind="stable"), NEXT_NOTE.format(level=level))


def _confusion(confusion: Confusion) -> Table:
    classes = [str(number) for number in range(len(confusion.counts))]
    rows = [[label, *(f"{count:,}" for count in row)] for label, row in zip(classes, confusion.counts, strict=True)]
    return as_table(pd.DataFrame(rows, columns=["class", *classes]), CONFUSION_NOTE)


def _mistakes(confusion: Confusion) -> list[Mapping[str, str]]:
    return [
        {
            "source": "data:image/png;base64," + base64.b64encode(png(one.pixels)).decode("ascii"),
            "text": f"{one.label} taken for {one.predicted}",
            "probability": f"{100 * one.probability:.1f} %",
        }
        for one in confusion.worst
    ]

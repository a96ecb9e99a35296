"""Define what a data set's kept models show: ``learned/{dataset}.json`` in a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lstmbench.utils.conversion import converted
from lstmbench.utils.fields import StrictStruct
from lstmbench.utils.strict_json import read_json


class Mistake(StrictStruct, frozen=True):
    """A test image that a model holds to be of another class."""

    image: int  # its place in the test split, from 0
    label: int
    predicted: int
    probability: float  # of the predicted class, from 0 to 1
    pixels: list[list[int]]  # rows of 0 (paper) to 255 (ink)


class Confusion(StrictStruct, frozen=True):
    """How often each class was taken for each: ``counts[label][predicted]``, and the mistakes with most probability."""

    counts: list[list[int]]
    worst: list[Mistake]


class Continuation(StrictStruct, frozen=True):
    """What a model expects after a prompt: the most likely next words with their probabilities, and words it drew."""

    prompt: str
    likely: dict[str, float]
    drawn: str


class Sentence(StrictStruct, frozen=True):
    """Words of the test split, and below each the word that the model held to be most likely there."""

    true: list[str]
    predicted: list[str]


class Shown(StrictStruct, frozen=True):
    """What one implementation's model shows; a text has a sentence and continuations, images a confusion."""

    implementation: str
    sentence: Sentence | None = None
    continuations: tuple[Continuation, ...] = ()
    confusion: Confusion | None = None


class Learned(StrictStruct, frozen=True):
    """What the models of a data set show, at one size and of one seed, and in a sentence each what is missing."""

    dataset: str
    size: str
    seed: int
    shown: list[Shown]
    missing: list[str]
    level: Literal["word", "character"] = "word"  # of the sentences: what is predicted


def read_learned(path: Path) -> Learned:
    """Return what ``lstm-bench learned`` wrote.

    Raises:
        DataError: missing, or not such a file.
    """
    return converted(read_json(path), Learned, path)

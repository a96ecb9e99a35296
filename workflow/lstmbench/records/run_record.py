"""Define the record of a training run, and what is in its place if the run failed.

The schemas ``run`` and ``failure`` in ``workflow/schemas`` are made from these types.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lstmbench.models.presets import Preset
from lstmbench.records.format import FIRST_LOSSES
from lstmbench.records.version import SchemaVersion
from lstmbench.system.machine import Machine
from lstmbench.utils.conversion import converted
from lstmbench.utils.fields import (
    Commit,
    Count,
    LibraryName,
    Line,
    Name,
    NonNegative,
    Number,
    Perplexity,
    Positive,
    Seed,
    Sha256,
    Share,
    StrictStruct,
    Text,
    Time,
)

Started = Annotated[Time, Meta(description="Wall-clock time of the start, ISO 8601 with an offset.")]
Finished = Annotated[Time, Meta(description="Wall-clock time of the end, ISO 8601 with an offset.")]
CodeCommit = Annotated[Commit | None, Meta(description="Git commit of the code, in hex; null: not in a git checkout.")]
CommitDirty = Annotated[bool, Meta(description="True if tracked files differed from the commit.")]
Task = Literal["language_model", "classifier"]
Unit = Literal["words/s", "characters/s", "images/s"]
Precision = Literal["float32", "tf32", "bfloat16", "float64"]
Versions = Annotated[
    dict[LibraryName, Text],
    Meta(min_length=1, description="Version of each library that a result depends on, by name."),
]
ExitCode = Literal[
    4, 5, 6,
    131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154,
    155, 156, 157, 158, 159,
]  # fmt: skip
"""Those of ``exit_codes.is_outcome``."""

MAX_MESSAGE_LENGTH = 2000
"""Characters of the message of a failed run."""

Level = Literal["word", "character"]
Fact = int | float | str | bool | None


class RunName(StrictStruct, frozen=True):
    """Name a run; each part is also a part of its path."""

    dataset: Annotated[Name, Meta(description="Data set: a module of lstmbench/datasets, or a user's own name.")]
    size: Annotated[Name, Meta(description="Model size: a preset of the data set.")]
    implementation: Annotated[Name, Meta(description="Framework adapter: a module of lstmbench/implementations.")]
    device: Annotated[
        Name,
        Meta(
            description="Where it was trained: cpu or gpu, with a precision other than float32 and several workers "
            "behind it: gpu-tf32-x2."
        ),
    ]
    seed: Annotated[Seed, Meta(description="Seed of the initial weights, the data order and the dropout masks.")]

    @property
    def case(self) -> tuple[str, str, str, str]:
        """Return the parts that all seeds share (``paths.CASE_COLUMNS``)."""
        return self.dataset, self.size, self.implementation, self.device

    @property
    def parts(self) -> tuple[str, str, str, str, int]:
        """Return all parts (``paths.RUN_COLUMNS``)."""
        return *self.case, self.seed

    def __str__(self) -> str:
        return "/".join(map(str, self.parts))


class Caps(StrictStruct, frozen=True):
    """Limits that cut a run short.  A capped run is not comparable with published values."""

    max_updates: Annotated[
        Number | None, Meta(description="Training was to stop after this many updates, a count; null: no cap.")
    ] = None
    max_eval_predictions: Annotated[
        Number | None,
        Meta(description="Validation and test were to stop after this many predictions, a count; null: no cap."),
    ] = None


class Settings(Caps, frozen=True, kw_only=True):
    """Everything that was chosen for the run."""

    preset: Preset
    threads: Annotated[Number, Meta(description="CPU threads of the framework, of each worker, a count.")]
    dtype: Annotated[Precision, Meta(description="Precision of the matrix products.")]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the data set says of itself that has a meaning here; a data set may add facts of its own.

    A fact may be left out, but not null: the model's size follows from some of them.
    """

    vocab_size: Annotated[
        Number | UnsetType, Meta(description="Words of the vocabulary, a count; language models only.")
    ] = UNSET
    entropy_rate_nats: Annotated[
        NonNegative | UnsetType, Meta(description="Entropy rate of the source, in nats per token; generated text only.")
    ] = UNSET
    floor_perplexity: Annotated[
        Perplexity | UnsetType,
        Meta(description="Perplexity of the true source, below which none can get on average; generated text only."),
    ] = UNSET
    order: Annotated[
        Number | UnsetType, Meta(description="Order of the Markov chain, a count; generated text only.")
    ] = UNSET
    classes: Annotated[Number | UnsetType, Meta(description="Classes to tell apart, a count; classifiers only.")] = (
        UNSET
    )
    level: Annotated[
        Level | UnsetType,
        Meta(description="What a prediction is of, and a perplexity is per; absent: a word."),
    ] = UNSET
    rows: Annotated[Number | UnsetType, Meta(description="Rows of an image, a count; absent: as num_steps.")] = UNSET
    columns: Annotated[
        Number | UnsetType, Meta(description="Values of a row of an image, a count; absent: as num_steps.")
    ] = UNSET
    about: Annotated[
        Text | UnsetType, Meta(description="What the data are, in sentences; only of data that a user supplied.")
    ] = UNSET
    source_cross_entropy_nats_test: Annotated[
        NonNegative | UnsetType,
        Meta(description="Mean cross-entropy of the test words under their own source, in nats; generated text only."),
    ] = UNSET


class Data(StrictStruct, frozen=True):
    """The prepared data set."""

    task: Annotated[Task, Meta(description="What is learned.")]
    sha256: Annotated[Sha256, Meta(description="sha256 of the prepared data set's manifest, in hex.")]
    facts: Annotated[
        dict[str, Fact],
        Meta(
            description="What the data set says of itself, by name.",
            extra_json_schema={"properties": msgspec.json.schema(Facts)["$defs"]["Facts"]["properties"]},
        ),
    ]

    @property
    def known_facts(self) -> Facts:
        """Return the facts that have a meaning here.

        Raises:
            DataError: one is of the wrong type.
        """
        return converted(self.facts, Facts, "$.data.facts")

    @property
    def level(self) -> Level:
        """Return what a prediction of a text is of; a text that does not say so is read by words.

        Raises:
            DataError: a fact is of the wrong type.
        """
        level = self.known_facts.level
        return "word" if level is UNSET else level


class Epoch(StrictStruct, frozen=True, omit_defaults=True):
    """One epoch."""

    epoch: Annotated[Number, Meta(description="Number of the epoch, from 1.")]
    learning_rate: Annotated[Positive, Meta(description="Learning rate of the epoch, no unit.")]
    updates: Annotated[Number, Meta(description="Updates made since the start of training, a count.")]
    train_loss: Annotated[
        NonNegative,
        Meta(
            description="Mean cross-entropy of the training predictions, each before its update, in nats per "
            "prediction."
        ),
    ]
    train_predictions: Annotated[Number, Meta(description="Training predictions of the epoch, a count.")]
    train_seconds: Annotated[NonNegative, Meta(description="Wall time of the epoch's training, in seconds.")]
    valid_loss: Annotated[
        NonNegative, Meta(description="Mean cross-entropy of the validation predictions, in nats per prediction.")
    ]
    valid_predictions: Annotated[Number, Meta(description="Validation predictions, a count.")]
    valid_seconds: Annotated[NonNegative, Meta(description="Wall time of the validation, in seconds.")]
    train_perplexity: Annotated[
        Perplexity | None, Meta(description="exp(train_loss), no unit; language models only.")
    ] = None
    valid_perplexity: Annotated[
        Perplexity | None, Meta(description="exp(valid_loss), no unit; language models only.")
    ] = None
    train_joules: Annotated[
        NonNegative | None,
        Meta(
            description="Energy of the GPU during the epoch's training, the whole card, in joules; none: not measured."
        ),
    ] = None
    valid_accuracy: Annotated[
        Share | None, Meta(description="Share of correct validation predictions, from 0 to 1; of older texts none.")
    ] = None


class Evaluation(StrictStruct, frozen=True, omit_defaults=True):
    """The test split with the final weights."""

    loss: Annotated[
        NonNegative, Meta(description="Mean cross-entropy of the test predictions, in nats per prediction.")
    ]
    predictions: Annotated[Number, Meta(description="Test predictions, a count.")]
    seconds: Annotated[NonNegative, Meta(description="Wall time of the test, in seconds.")]
    perplexity: Annotated[Perplexity | None, Meta(description="exp(loss), no unit; language models only.")] = None
    accuracy: Annotated[
        Share | None, Meta(description="Share of correct test predictions, from 0 to 1; of older texts none.")
    ] = None

    @property
    def metric(self) -> str:
        """Return the name of the task's metric."""
        return "accuracy" if self.perplexity is None else "perplexity"

    @property
    def value(self) -> float:
        """Return the metric's value."""
        return self.perplexity or self.accuracy or 0.0


class Milestone(StrictStruct, frozen=True):
    """One test."""

    updates: Annotated[Number, Meta(description="Updates made before the test, a count.")]
    protocol: Annotated[Text, Meta(description="On which images, a phrase.")]
    loss: Annotated[NonNegative, Meta(description="Mean cross-entropy, in nats per prediction.")]
    accuracy: Annotated[Share, Meta(description="Share of correct predictions, from 0 to 1.")]
    predictions: Annotated[Number, Meta(description="Predictions, a count.")]
    seconds: Annotated[NonNegative, Meta(description="Wall time of the test, in seconds.")]


class Throughput(StrictStruct, frozen=True, omit_defaults=True):
    """Training speed over the steady blocks: the first block and whatever follows a pause are left out."""

    unit: Annotated[Unit, Meta(description="What is counted per second.")]
    median: Annotated[Positive | None, Meta(description="Median block, in `unit`; null: no steady block.")]
    p25: Annotated[Positive | None, Meta(description="First quartile of the blocks, in `unit`; null: no steady block.")]
    p75: Annotated[Positive | None, Meta(description="Third quartile of the blocks, in `unit`; null: no steady block.")]
    blocks: Annotated[Count, Meta(description="Steady blocks, a count.")]
    import_seconds: Annotated[NonNegative, Meta(description="Wall time to import the framework, in seconds.")]
    build_seconds: Annotated[NonNegative, Meta(description="Wall time to build the model, in seconds.")]
    first_step_seconds: Annotated[
        NonNegative, Meta(description="Wall time of the first block, tracing and compiling included, in seconds.")
    ]
    train_seconds: Annotated[
        NonNegative, Meta(description="Wall time of all training, without evaluation, in seconds.")
    ]
    throttled_share: Annotated[
        Share | None,
        Meta(description="Share of the periods in which the quota of CPU time was used up, since the last start."),
    ] = None
    reachable_cores: Annotated[
        Number | None, Meta(description="Cores that the threads that computed may run on, a count; null: not told.")
    ] = None


class Memory(StrictStruct, frozen=True):
    """Peak memory."""

    peak_rss_bytes: Annotated[Number, Meta(description="Peak resident memory of the process, in bytes.")]
    peak_device_bytes: Annotated[Count | None, Meta(description="Peak memory on the GPU, in bytes; null: on the CPU.")]


class RunRecord(StrictStruct, frozen=True, omit_defaults=True):
    """The record of one training run.

    It says what was trained, from which data and weights, how well it learned, how fast, and where.
    """

    schema_version: SchemaVersion
    run: RunName
    started: Started
    finished: Finished
    commit: CodeCommit
    commit_dirty: CommitDirty
    settings: Settings
    settings_sha256: Annotated[Sha256, Meta(description="sha256 of the settings in canonical JSON, in hex.")]
    data: Data
    initial_weights_sha256: Annotated[
        Sha256, Meta(description="sha256 of the weights that training started from, in hex.")
    ]
    final_weights_sha256: Annotated[Sha256, Meta(description="sha256 of the weights that training ended with, in hex.")]
    parameters: Annotated[Number, Meta(description="Trained values of the model, a count.")]
    caps: Annotated[list[Text], Meta(description="What was cut short, one sentence each; empty: a complete run.")]
    resumed: Annotated[Count, Meta(description="Times the run was interrupted and went on from a checkpoint, a count.")]
    history: Annotated[list[Epoch], Meta(min_length=1, description="One row per epoch, in order.")]
    final: Evaluation
    milestones: Annotated[
        list[Milestone], Meta(description="Tests made during training, in order; empty if none was asked for.")
    ]
    speed: Throughput
    memory: Memory
    machine: Machine
    versions: Versions
    first_losses: Annotated[
        Annotated[list[NonNegative], Meta(min_length=1, max_length=FIRST_LOSSES)] | None,
        Meta(description="Loss of each of the first updates, in nats per prediction."),
    ] = None
    full_updates: Annotated[
        Number | None,
        Meta(description="Updates of the whole schedule, a count; earlier records say it in ``caps`` if cut short."),
    ] = None


class Failure(StrictStruct, frozen=True):
    """Why a run failed."""

    exit_code: Annotated[
        ExitCode,
        Meta(
            description="What `lstm-bench train` ended with: 4 machine, 5 diverged, 6 resources, 128 + N: ended by "
            "signal N, such as 134 aborted, 137 killed, 139 crashed."
        ),
    ]
    message: Annotated[
        Annotated[Line, Meta(min_length=1, max_length=MAX_MESSAGE_LENGTH)],
        Meta(description="The error message, one line."),
    ]


class FailedRun(StrictStruct, frozen=True):
    """The record of a run that could not end: which run, and why."""

    schema_version: SchemaVersion
    run: RunName
    task: Annotated[Task, Meta(description="What was to be learned.")]
    failed: Annotated[Time, Meta(description="Wall-clock time of the failure, ISO 8601 with an offset.")]
    failure: Failure

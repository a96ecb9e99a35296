"""Define the record of a measurement of speed: the reports of all processes of one group of cases.

The schema ``measurement`` in ``workflow/schemas`` is made from these types.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from lstmbench.models.cost import Direction, MinimumMemory, Part, Product
from lstmbench.models.presets import Preset
from lstmbench.records.interference import Load
from lstmbench.records.run_record import CodeCommit, CommitDirty, Finished, Precision, Started, Unit, Versions
from lstmbench.records.version import SchemaVersion
from lstmbench.statistics.spread import iqr_over_median
from lstmbench.system.machine import Machine
from lstmbench.utils.fields import Count, Name, NonNegative, Number, Positive, Seed, Sha256, StrictStruct, Text


class Group(StrictStruct, frozen=True):
    """What was measured: each part is also a part of the path."""

    dataset: Annotated[Name, Meta(description="Data set: a module of lstmbench/datasets, or a user's own name.")]
    size: Annotated[Name, Meta(description="Model size: a preset of the data set.")]
    device: Annotated[
        Name, Meta(description="Where, with a precision other than float32 behind it: cpu, gpu, gpu-tf32.")
    ]


class Phases(StrictStruct, frozen=True):
    """Where the process's time went."""

    import_seconds: Annotated[NonNegative, Meta(description="Importing the framework, in seconds.")]
    build_seconds: Annotated[NonNegative, Meta(description="Building the model and loading the weights, in seconds.")]
    place_seconds: Annotated[NonNegative, Meta(description="Moving the training data to the device, in seconds.")]
    first_step_seconds: Annotated[
        NonNegative, Meta(description="The first step, with tracing and compilation, in seconds.")
    ]
    warm_up_seconds: Annotated[NonNegative, Meta(description="Further steps before the steady ones, in seconds.")]
    steady_seconds: Annotated[
        NonNegative, Meta(description="The steady steps: the sum of this sample's blocks, in seconds.")
    ]


class ProcessMemory(StrictStruct, frozen=True):
    """Memory up to the end of the steady steps."""

    peak_rss_bytes: Annotated[Count, Meta(description="The most resident memory of the process, in bytes.")]
    peak_device_bytes: Annotated[Count | None, Meta(description="The most device memory, in bytes; null on the CPU.")]
    least_bytes: MinimumMemory


class TimedProduct(Product, frozen=True):
    """One matrix product of a step, timed alone in the same process."""

    flops: Annotated[Number, Meta(description="Floating-point operations of all of them, a count.")]
    seconds: Annotated[
        Positive, Meta(description="Seconds of one: the mean over the turns, in the fastest of the framework's ways.")
    ]


class EvaluationSpeed(StrictStruct, frozen=True, omit_defaults=True):
    """Evaluation by one protocol."""

    first_seconds: Annotated[
        NonNegative, Meta(description="The first batch, with tracing and compilation, in seconds.")
    ]
    predictions_per_second: Annotated[Positive, Meta(description="Predictions per second after it.")]
    fastest_per_second: Annotated[
        Positive | None, Meta(description="Predictions per second of the fastest batch or block after it.")
    ] = None


class EvaluationSpeeds(StrictStruct, frozen=True):
    """Evaluation without training, by the protocols of the validation and of the test."""

    valid: EvaluationSpeed
    test: EvaluationSpeed


class CheckpointCost(StrictStruct, frozen=True):
    """One checkpoint."""

    write_seconds: Annotated[NonNegative, Meta(description="Writing it, synced to disk, in seconds.")]
    read_seconds: Annotated[NonNegative, Meta(description="Reading and verifying it, in seconds.")]
    bytes: Annotated[Count, Meta(description="Its size, in bytes.")]


class LoopCost(StrictStruct, frozen=True):
    """A short epoch by the training loop."""

    updates: Annotated[Number, Meta(description="Its updates, a count.")]
    seconds: Annotated[NonNegative, Meta(description="The whole of it, in seconds.")]
    learner_seconds: Annotated[NonNegative, Meta(description="What the learner's own methods took of it, in seconds.")]


class Operation(StrictStruct, frozen=True):
    """One kind of operation in one part."""

    name: Annotated[Text, Meta(description="Its name in the framework's profiler.")]
    part: Annotated[Part, Meta(description="Part of the step.")]
    direction: Annotated[Direction | Literal[""], Meta(description="forward, backward, or empty where it is neither.")]
    seconds: Annotated[NonNegative, Meta(description="Its own time, without that of operations within it, in seconds.")]


class Trace(StrictStruct, frozen=True, omit_defaults=True):
    """One step under the framework's profiler."""

    operations: Annotated[list[Operation], Meta(description="The operations of one traced step.")]
    step_seconds: Annotated[
        NonNegative | None, Meta(description="Seconds the traced step took, profiler included; null without a probe.")
    ]
    path: Annotated[
        str | None,
        Meta(
            description="The path that a step takes, in words; null without a probe, or if the framework did not "
            "show it."
        ),
    ]
    coverage: Annotated[
        NonNegative | None, Meta(description="Share of the traced step that its operations take; null without a probe.")
    ] = None


class Bandwidth(StrictStruct, frozen=True):
    """Adding one large array to another in the device's memory; null without a probe."""

    bytes: Annotated[Number, Meta(description="Read and written by one addition.")]
    seconds: Annotated[NonNegative, Meta(description="Of one addition, in seconds.")]


class Details(StrictStruct, frozen=True, omit_defaults=True):
    """What only the first process of an implementation measures."""

    evaluation: EvaluationSpeeds | None = None
    checkpoint: CheckpointCost | None = None
    loop: LoopCost | None = None
    trace: Trace | None = None
    bandwidth: Annotated[
        Bandwidth | None,
        Meta(description="Adding one large array to another in the device's memory; null without a probe."),
    ] = None


class ProcessFigures(StrictStruct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process measured, besides its blocks."""

    implementation: Annotated[Name, Meta(description="Framework adapter: a module of lstmbench/implementations.")]
    versions: Versions
    initial_weights_sha256: Annotated[Sha256, Meta(description="The weights it started from, sha256 in hex.")]
    data_sha256: Annotated[Sha256, Meta(description="The prepared data, sha256 in hex.")]
    unit: Annotated[Unit, Meta(description="Of throughput.")]
    predictions_per_step: Annotated[Number, Meta(description="Words or images per training step, a count.")]
    phases: Phases
    steady_steps: Annotated[Number, Meta(description="Steps in the sample's blocks, a count.")]
    load: Load
    memory: ProcessMemory
    products: Annotated[
        list[TimedProduct],
        Meta(
            description="The step's matrix products, each timed alone in the same process; empty: the framework has "
            "no probe."
        ),
    ]
    fastest_step_seconds: Annotated[
        NonNegative | None,
        Meta(
            description="The fastest single step of the warm-up, in seconds: near to what a quiet machine takes even "
            "beside others."
        ),
    ] = None
    details: Details | None = None

    @property
    def rate(self) -> float:
        """Return the predictions per second of the steady steps."""
        return self.steady_steps * self.predictions_per_step / self.phases.steady_seconds


class Block(StrictStruct, frozen=True):
    """One timed block of training steps."""

    steps: Annotated[Number, Meta(description="Its steps, a count.")]
    seconds: Annotated[Positive, Meta(description="Wall time, in seconds.")]

    @property
    def step_seconds(self) -> float:
        """Return the seconds of one step."""
        return self.seconds / self.steps


class ProcessReport(ProcessFigures, frozen=True, kw_only=True):
    """What one process wrote, which knows of no other."""

    blocks: Annotated[list[Block], Meta(min_length=1, description="The steady steps, in order.")]
    machine: Machine
    whole_load: Annotated[
        Load | None, Meta(description="What the machine did from its start to its end; null: led by a parent.")
    ] = None

    @property
    def spread(self) -> float:
        """Return the interquartile range over the median of the blocks' times per step."""
        return iqr_over_median([block.step_seconds for block in self.blocks])


class ProcessSample(ProcessFigures, frozen=True, kw_only=True):
    """What one process reported, and how it was judged among the others."""

    round: Annotated[Number, Meta(description="The round it belongs to, from 1, a count.")]
    attempt: Annotated[
        Number, Meta(description="Which try of this round it is, from 1; a disturbed process is repeated, a count.")
    ]
    spread: Annotated[NonNegative, Meta(description="Interquartile range over median of the blocks' times per step.")]
    disturbances: Annotated[
        list[str], Meta(description="Why the machine was not this process's alone, in words; empty: it was.")
    ]


class ProcessFailure(StrictStruct, frozen=True):
    """One failure."""

    implementation: Annotated[Name, Meta(description="Framework adapter.")]
    round: Annotated[Number, Meta(description="Its round, a count.")]
    attempt: Annotated[Number, Meta(description="Its attempt, a count.")]
    failure: Annotated[Text, Meta(description="The message.")]
    exit_code: Annotated[int, Meta(description="The exit code; negative: the signal that ended it.")]


class Circumstances(StrictStruct, frozen=True):
    """What is the same for all processes of a measurement."""

    group: Group
    threads: Annotated[Number, Meta(description="CPU threads of the framework, a count.")]
    dtype: Annotated[Precision, Meta(description="Precision of the matrix products.")]
    seed: Annotated[Seed, Meta(description="Seed of the order of the implementations.")]
    commit: CodeCommit
    commit_dirty: CommitDirty
    machine: Machine
    settings: Preset


class MeasurementRecord(Circumstances, frozen=True):
    """What all processes of one group of cases reported when their speed was measured, as it came."""

    schema_version: SchemaVersion
    processes: Annotated[Number, Meta(description="Processes per implementation, a count.")]
    started: Started
    finished: Finished
    samples: Annotated[list[ProcessSample], Meta(description="Every process that ended well, disturbed ones included.")]
    failures: Annotated[list[ProcessFailure], Meta(description="Every process that did not.")]

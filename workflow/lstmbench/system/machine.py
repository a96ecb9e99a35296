"""Define the description of a machine that a number was measured on."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from lstmbench.utils.fields import Line, Name, Number, Positive, StrictStruct, Text, VariableName


class Machine(StrictStruct, frozen=True, omit_defaults=True):
    """The machine."""

    cpu: Annotated[Text, Meta(description="Model of the CPU.")]
    cores: Annotated[
        Number,
        Meta(description="CPU cores the process could use: of its affinity, or its quota if that is less, a count."),
    ]
    memory_bytes: Annotated[Number, Meta(description="Main memory, in bytes.")]
    gpu: Annotated[Text | None, Meta(description="Model of the GPU; null: the machine has none.")]
    os: Annotated[Text, Meta(description="Operating system.")]
    python: Annotated[Text, Meta(description="Version of Python.")]

    # The first records lack these.
    capability: Annotated[
        Name | None, Meta(description="The widest instructions that libraries choose kernels by; null: not told.")
    ] = None
    bfloat16: Annotated[
        Name | None,
        Meta(description="How the CPU multiplies in bfloat16: amx, avx512; null: it does not, or was not asked."),
    ] = None
    libc: Annotated[Text | None, Meta(description="C library and its version; null: not told.")] = None
    cpu_quota: Annotated[
        Positive | None,
        Meta(description="Time that the control groups grant the process, in CPUs; null: no limit seen."),
    ] = None
    spin_limits: Annotated[
        dict[VariableName, Text],
        Meta(description="Variables that we set for a training so that waiting threads sleep soon, by name."),
    ] = field(default_factory=dict)
    node: Annotated[
        Text | None, Meta(description="Node of a cluster that the process ran on; null: run by no scheduler.")
    ] = None
    switches: Annotated[
        dict[VariableName, Annotated[Line, Meta(max_length=800)]],
        Meta(description="Environment variables by which libraries compute otherwise, by name."),
    ] = field(default_factory=dict)

"""Read presets: one YAML file per data set and size becomes a ``Preset``.

Hyper-parameters are in ``workflow/presets/{dataset}/{size}.yaml`` and nowhere else.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from msgspec import Meta

from lstmbench.models.schedule import learning_rate_at
from lstmbench.utils.conversion import converted
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.escaping import short
from lstmbench.utils.fields import Count, Number, StrictStruct, Text
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.validation import require_known

PRESETS = WORKFLOW / "presets"

_EXPONENT = re.compile(r"[+-]?\d+[eE][+-]?\d+")
"""A number that YAML reads as a text."""

MAX_RATE = 1e6
"""An initial scale, a learning rate or its decay is below this: a larger one is a mistake."""

_Rate = Annotated[float, Meta(gt=0, lt=MAX_RATE)]


class Preset(StrictStruct, frozen=True, kw_only=True):
    """One model size: architecture, initial weights, optimiser and schedule."""

    source: Annotated[Text, Meta(description="Where the recipe comes from, a sentence that the report shows.")]
    num_layers: Annotated[Annotated[int, Meta(ge=1, le=1000)], Meta(description="LSTM layers, a count.")]
    hidden_size: Annotated[Number, Meta(description="Units per layer, a count, and the width of the embedding.")]
    num_steps: Annotated[
        Number, Meta(description="Time steps a batch is unrolled for (truncated back-propagation), a count.")
    ]
    batch_size: Annotated[Number, Meta(description="Sequences per batch, a count.")]
    keep_prob: Annotated[
        Annotated[float, Meta(gt=0, le=1)],
        Meta(description="Probability that dropout keeps a value, on non-recurrent connections only; 1: no dropout."),
    ] = 1.0
    forget_bias: Annotated[
        Annotated[float, Meta(gt=-MAX_RATE, lt=MAX_RATE)],
        Meta(description="Initial value of the forget gate's bias, no unit."),
    ] = 0.0
    lstm_init: Annotated[
        Literal["uniform", "glorot_uniform"],
        Meta(description="Initial values of the LSTM kernels: uniform(-init_scale, init_scale) or glorot_uniform."),
    ] = "uniform"
    output_init: Annotated[
        Literal["uniform", "normal"],
        Meta(
            description="Initial values of the embedding and the output layer: uniform(-init_scale, init_scale) or "
            "normal(0, init_scale)."
        ),
    ] = "uniform"
    init_scale: Annotated[_Rate, Meta(description="Limit or standard deviation of the initial values, no unit.")]
    optimizer: Annotated[Literal["sgd", "adam"], Meta(description="Update rule.")]
    learning_rate: Annotated[_Rate, Meta(description="Learning rate of the first epochs, no unit.")]
    epochs: Annotated[
        Number, Meta(description="Passes over the training data, a count (max_max_epoch in the TensorFlow tutorial).")
    ]
    full_rate_epochs: Annotated[
        Count, Meta(description="First epochs at the full learning rate, a count (max_epoch in the tutorial).")
    ]
    lr_decay: Annotated[_Rate, Meta(description="Factor of the learning rate per epoch after those.")] = 1.0
    max_grad_norm: Annotated[
        Annotated[float, Meta(ge=1e-12, lt=1e300)] | None,
        Meta(description="Limit of the gradient's global norm; null: no clip."),
    ] = None
    report_after_updates: Annotated[
        Number | None, Meta(description="Also tested once after this many updates, a count; null: not.")
    ] = None


def load_preset(path: Path) -> Preset:
    """Read and check a preset file.

    Raises:
        UsageError: unknown, missing or duplicate key, wrong type, or a value out of range.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"preset {path}: not readable as YAML: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"preset {path}: expected a mapping of keys to values, found {short(values)}")
    for key in values:
        require_known("key", key, Preset.__struct_fields__, where=f"preset {path}: ")
    try:
        preset = converted(values, Preset, f"preset {path}")
    except DataError as error:
        looks_like_a_number = any(isinstance(value, str) and _EXPONENT.fullmatch(value) for value in values.values())
        hint = " (YAML reads 1e-3 as a text: write 1.0e-3)" if looks_like_a_number else ""
        raise UsageError(f"{error}{hint}") from error
    last = _last_rate(preset)
    if not 0 < last < math.inf:
        raise UsageError(
            f"preset {path} at $.lr_decay: expected a last epoch with a learning rate above 0, found {last} with "
            f"{preset.lr_decay}"
        )
    return preset


def _last_rate(preset: Preset) -> float:
    try:
        return learning_rate_at(preset, preset.epochs)
    except OverflowError:
        return math.inf


class _UniqueKeyLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Refuse duplicate keys, of which YAML would use the last, and aliases, which can expand without bound.

    A value that is no date, number or other of what it looks like is a YAMLError too, with its line.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed here")
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            raise yaml.constructor.ConstructorError(None, None, f"no such value: {error}", node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key {key!r} appears twice")
        mapping: dict[object, object] = super().construct_mapping(node, deep)
        return mapping

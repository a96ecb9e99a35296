"""Read presets: one YAML file per data set and size becomes a frozen dataclass.

Hyper-parameters are in ``workflow/presets/{dataset}/{size}.yaml`` and nowhere else.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lstmbench.models.schedule import learning_rate_at
from lstmbench.utils.errors import UsageError
from lstmbench.utils.json_schema import fault_of_part, short
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.validation import require_known

PRESETS = WORKFLOW / "presets"

OPTIMIZERS = ("sgd", "adam")
LSTM_INITS = ("uniform", "glorot_uniform")
OUTPUT_INITS = ("uniform", "normal")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One model size: architecture, initial weights, optimiser and schedule."""

    source: str  # where the recipe comes from, shown in the report
    num_layers: int
    hidden_size: int  # units per layer, and the width of the embedding
    num_steps: int  # time steps a batch is unrolled for (truncated back-propagation)
    batch_size: int
    keep_prob: float = 1.0  # of dropout, on non-recurrent connections only; 1.0: none
    forget_bias: float = 0.0  # initial value of the forget gate's bias
    lstm_init: str = "uniform"  # uniform(-init_scale, init_scale) or glorot_uniform
    output_init: str = "uniform"  # embedding, output layer: uniform(-init_scale, init_scale) or normal(0, init_scale)
    init_scale: float
    optimizer: str  # sgd or adam
    learning_rate: float
    epochs: int  # max_max_epoch in the TensorFlow tutorial
    full_rate_epochs: int  # first epochs at the full learning rate (max_epoch in the tutorial)
    lr_decay: float = 1.0  # factor per epoch after those
    max_grad_norm: float | None = None  # gradient clipping by the global norm; null: none
    report_after_updates: int | None = None  # also test once after this many updates


def load_preset(path: Path) -> Preset:
    """Read and check a preset file.

    Raises:
        UsageError: unknown, missing or duplicate key, wrong type, or a value out of range.
    """
    raise_if = _Checker(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"preset {path}: not readable as YAML: {error}") from error
    raise_if(not isinstance(values, dict), "expected a mapping of keys to values")
    fields = {field.name: field for field in dataclasses.fields(Preset)}
    for key in values:
        require_known("key", key, fields, where=f"preset {path}: ")
    for name, field in fields.items():
        if name not in values:
            raise_if(field.default is dataclasses.MISSING, f"missing key {name}")
            continue
        values[name] = _typed(raise_if, name, str(field.type), values[name])
    preset = Preset(**values)
    for name in ("num_layers", "hidden_size", "num_steps", "batch_size", "epochs"):
        raise_if(getattr(preset, name) < 1, f"{name} must be at least 1, found {getattr(preset, name)}")
    raise_if(preset.full_rate_epochs < 0, "full_rate_epochs must be 0 or more")
    raise_if(not 0 < preset.keep_prob <= 1, f"keep_prob must be in (0, 1], found {preset.keep_prob}")
    for name in ("init_scale", "learning_rate", "lr_decay"):
        raise_if(not 0 < getattr(preset, name) < 1e6, f"{name} must be positive, found {getattr(preset, name)}")
    for name, least in (("max_grad_norm", 1e-12), ("report_after_updates", 1)):
        value = getattr(preset, name)
        raise_if(value is not None and not value >= least, f"{name} must be at least {least:g} or null, found {value}")
    for name, allowed in (("optimizer", OPTIMIZERS), ("lstm_init", LSTM_INITS), ("output_init", OUTPUT_INITS)):
        value = getattr(preset, name)
        raise_if(value not in allowed, f"{name} must be one of {', '.join(allowed)}; found {value!r}")
    last = _last_rate(preset)
    raise_if(not 0 < last < math.inf, f"lr_decay {preset.lr_decay} makes the last epoch's learning rate {last}")
    # Check the rest that would make the run's record invalid after training, such as a source of two lines.
    fault = fault_of_part(dataclasses.asdict(preset), "run.schema.json", ("settings", "preset"))
    raise_if(fault is not None, str(fault))
    return preset


def _last_rate(preset: Preset) -> float:
    try:
        return learning_rate_at(preset, preset.epochs)
    except OverflowError:
        return math.inf


class _Checker:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, wrong: bool, message: str) -> None:
        if wrong:
            raise UsageError(f"preset {self.path}: {message}")


def _typed(raise_if: _Checker, name: str, kind: str, value: Any) -> Any:
    if value is None:
        raise_if("None" not in kind, f"{name} must not be null")
        return None
    kind = kind.split(" | ")[0]
    if kind == "float":
        hint = " (YAML reads 1e-3 as a text: write 1.0e-3)" if isinstance(value, str) else ""
        wrong = isinstance(value, bool) or not isinstance(value, (int, float))
        raise_if(wrong, f"{name} must be a number, found {value!r}{hint}")
        raise_if(not abs(value) <= sys.float_info.max, f"{name} must be a finite number, found {short(value)}")
        return float(value)
    expected = {"int": int, "str": str}[kind]
    wrong = isinstance(value, bool) or not isinstance(value, expected)
    raise_if(wrong, f"{name} must be of type {kind}, found {value!r}")
    return value


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuse duplicate keys, of which YAML would use the last, and aliases, which can expand without bound."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key {key!r} appears twice")
        return super().construct_mapping(node, deep)

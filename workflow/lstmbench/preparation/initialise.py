"""Draw the initial weights of one data set, size and seed: the file from which every implementation starts."""

from __future__ import annotations

from pathlib import Path

from lstmbench import tasks
from lstmbench.datasets import load_dataset
from lstmbench.models.presets import load_preset
from lstmbench.models.weights import initial_weights
from lstmbench.utils.files import write_arrays


def initialise(*, data: Path, preset_file: Path, seed: int, output: Path) -> None:
    """Write float32 tensors under canonical names (see ``weights``) to ``output`` in safetensors format."""
    dataset = load_dataset(data)
    preset = load_preset(preset_file)
    spec = tasks.load(dataset.task).model_spec(preset, dataset.facts)
    write_arrays(output, initial_weights(spec, preset, seed))

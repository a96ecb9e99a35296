"""Draw the initial weights of one data set, size and seed: the file from which every implementation starts."""

from __future__ import annotations

from pathlib import Path

from lstmbench import tasks
from lstmbench.datasets import load_dataset
from lstmbench.models.learner import ModelSpec
from lstmbench.models.weights import initial_weights, parameter_count
from lstmbench.system.hardware import memory_limit_bytes
from lstmbench.utils.errors import ResourceError
from lstmbench.utils.files import write_arrays


def initialise(*, data: Path, preset_file: Path, seed: int, output: Path) -> None:
    """Write float32 tensors under canonical names (see ``weights``) to ``output`` in safetensors format.

    Here data and preset meet first, so a pair that cannot be trained is refused here, once for all implementations.

    Raises:
        UsageError: the preset is faulty, or the data are too few for one of its batches.
        DataError: the data are damaged.
        ResourceError: the weights do not fit into the memory.
    """
    dataset = load_dataset(data)
    preset = tasks.load_fitted(preset_file, dataset.task, dataset.facts)
    task = tasks.load(dataset.task)
    task.require_enough(dataset.name, dataset.arrays, preset)
    spec = task.model_spec(preset, dataset.facts)
    _require_memory(dataset.name, preset_file.stem, spec)
    write_arrays(output, initial_weights(spec, preset, seed))


def _require_memory(dataset: str, size: str, spec: ModelSpec) -> None:
    """Refuse weights that do not fit into the memory, such as those of a very large vocabulary."""
    needed, limit = 4 * parameter_count(spec), memory_limit_bytes()
    if needed > limit:
        raise ResourceError(
            f"{dataset} {size}: the weights of a model with {spec.output_size:,} outputs (words or classes) take "
            f"{needed / 1e6:,.0f} MB; expected no more memory than {limit / 1e6:,.0f} MB; choose a smaller size, or a "
            "text with fewer different words, or read it by characters"
        )

"""Draw the initial weights of one data set, size and seed: the file every implementation starts from."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench import tasks
from lstmbench.cli import run
from lstmbench.datasets import load_dataset
from lstmbench.files import write_arrays
from lstmbench.presets import load_preset
from lstmbench.weights import initial_weights


def initialise(*, data: Path, preset_file: Path, seed: int, output: Path) -> None:
    """Write float32 tensors under canonical names (see ``weights``) to ``output`` in safetensors format."""
    dataset = load_dataset(data)
    preset = load_preset(preset_file)
    spec = tasks.load(dataset.task).model_spec(preset, dataset.facts)
    write_arrays(output, initial_weights(spec, preset, seed))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.initialise", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set, e.g. results/data/ptb")
    parser.add_argument("--preset", type=Path, required=True, help="e.g. workflow/presets/ptb/small.yaml")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    options = parser.parse_args(arguments)
    initialise(data=options.data, preset_file=options.preset, seed=options.seed, output=options.output)


if __name__ == "__main__":
    sys.exit(run(main))

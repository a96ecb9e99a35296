"""Define once the options that several commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lstmbench.utils.fields import MAX_SEED

DEVICE = (
    "auto, cpu or gpu; then a precision other than float32, the threads of a sweep over them, and several "
    "workers, as in gpu-tf32-x2 and cpu-t4"
)

N = TypeVar("N", int, float)


def at_least(least: N, kind: Callable[[str], N], most: float = math.inf) -> Callable[[str], N]:
    """Return a type for argparse: a finite number of that kind, from ``least`` to ``most``."""
    expected = f"a number of at least {least}" if most == math.inf else f"a number from {least} to {most}"

    def read(text: str) -> N:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most or value == math.inf:
            raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
        return value

    return read


SEED = at_least(0, int, MAX_SEED)
"""The type of a random seed for argparse."""

OPTIONS: dict[str, dict[str, Any]] = {
    "--data": {"type": Path, "required": True, "help": "prepared data set, e.g. results/data/ptb"},
    "--preset": {"type": Path, "required": True, "help": "e.g. workflow/presets/ptb/small.yaml"},
    "--weights": {"type": Path, "required": True, "help": "initial weights (lstm-bench initialise)"},
    "--implementation": {"required": True, "help": "a module of workflow/lstmbench/implementations"},
    "--environments": {"type": Path, "help": "folder of the environments that implementations name"},
    "--seed": {"type": SEED, "default": 1, "help": "of all that is drawn at random [%(default)s]"},
    "--selection": {"required": True, "help": "the checked configuration as JSON, with the keys of config.yaml"},
    "--tables": {"type": Path, "required": True, "help": "folder of the tables, read and written"},
    "--device": {"default": "auto", "help": DEVICE},
    "--threads": {"type": int, "default": 1, "help": "CPU threads of the framework, of each worker"},
}


def add(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add shared options, in this order, to the parser of a command."""
    for name in names:
        parser.add_argument(name, **OPTIONS[name])


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the run whose kept model is used, and the folder of the data that it learned from."""
    parser.add_argument("run", type=Path, help="a run's folder, or its run.json")
    parser.add_argument("--data", type=Path, default=Path("results/data"), help="the prepared data sets [%(default)s]")

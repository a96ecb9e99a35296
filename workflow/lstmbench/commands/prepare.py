"""Turn raw files, or data of your own, into arrays."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench import datasets
from lstmbench.datasets import OwnData
from lstmbench.preparation.prepare import prepare, prepare_own
from lstmbench.utils.errors import UsageError


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--dataset", required=True, help=f"{', '.join(datasets.names())}; or a new name for data of your own"
    )
    place = result.add_mutually_exclusive_group()
    place.add_argument("--raw", type=Path, help="folder of the downloaded files [results/data/DATASET/raw]")
    place.add_argument("--text", type=Path, help="a UTF-8 text of your own, or a folder with train, valid and test")
    place.add_argument("--images", type=Path, help="a folder of your own with four IDX files, as MNIST's")
    result.add_argument("--level", choices=("word", "character"), help="how your text is read [word]")
    result.add_argument("--output", type=Path, required=True, help="folder to write")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.level and not options.text:
        raise UsageError(f"--level {options.level}: expected --text with it, found none")
    if options.text:
        own = OwnData("own_text", options.text, {"level": options.level or "word"})
        prepare_own(dataset=options.dataset, own=own, output=options.output)
    elif options.images:
        prepare_own(dataset=options.dataset, own=OwnData("own_images", options.images), output=options.output)
    else:
        raw = options.raw or Path("results/data") / options.dataset / "raw"
        prepare(dataset=options.dataset, raw=raw, output=options.output)

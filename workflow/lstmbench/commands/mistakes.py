"""Show what a kept model takes for what, and its mistakes."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabulate import tabulate

from lstmbench.commands._arguments import add_run
from lstmbench.inference.kept_model import open_model
from lstmbench.inference.mistakes import confusion
from lstmbench.reporting.learned import png


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add_run(result)
    result.add_argument("--pictures", type=Path, help="folder for the worst mistakes as PNG files")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    found = confusion(open_model(options.run), options.data)
    classes = range(len(found.counts))
    print("Test images by their class (rows) and by the class that the model predicts (columns):\n")
    print(tabulate([[label, *row] for label, row in zip(classes, found.counts, strict=True)], headers=["", *classes]))
    print("\nThe mistakes that it is surest of:\n")
    rows = [(one.image, one.label, one.predicted, f"{one.probability:.2%}") for one in found.worst]
    print(tabulate(rows, headers=["image", "class", "predicted", "probability"]))
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for place, one in enumerate(found.worst, 1):
            name = f"{place:02}-image-{one.image}-is-{one.label}-predicted-{one.predicted}.png"
            (options.pictures / name).write_bytes(png(one.pixels))

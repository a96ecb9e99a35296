"""Download or copy one raw file and verify its checksum."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.preparation.download import download
from lstmbench.utils.validation import require_folder


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--dataset", required=True, help="a data set of workflow/datasets.tsv")
    result.add_argument("--file", required=True, help="one of its files")
    result.add_argument("--output", type=Path, required=True, help="file to write")
    result.add_argument(
        "--local", nargs="*", action="extend", default=[], metavar="DIR", help="folders to search first"
    )
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    local = [require_folder("--local", name) for name in options.local]
    download(dataset=options.dataset, file=options.file, output=options.output, local=local)

"""List the words that a kept model holds to be most alike."""

from __future__ import annotations

import argparse

from tabulate import tabulate

from lstmbench.commands._arguments import add_run, at_least
from lstmbench.inference.language import open_language_model, visible
from lstmbench.inference.neighbours import neighbours
from lstmbench.utils.escaping import printable


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add_run(result)
    result.add_argument("word", help="a word of the vocabulary")
    result.add_argument("--count", type=at_least(1, int), default=10, help="words to list [%(default)s]")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    found = neighbours(open_language_model(options.run, options.data), options.word, options.count)
    rows = [(printable(visible(word)), cosine) for word, cosine in found]
    print(tabulate(rows, headers=["word", "cosine"], floatfmt=".3f", disable_numparse=[0]))

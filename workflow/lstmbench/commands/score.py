"""Say how well a kept model predicts a text, word by word."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from lstmbench.commands._arguments import add_run
from lstmbench.inference.language import open_language_model, visible
from lstmbench.inference.scoring import Scored, score
from lstmbench.utils.escaping import printable

STANDARD_INPUT = Path("/dev/stdin")

MOST_BITS = 16.0
"""The surprise that has the strongest colour."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add_run(result)
    result.add_argument("text", help="a UTF-8 text file, or - for standard input")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    model = open_language_model(options.run, options.data)
    scored = score(model, model.read(STANDARD_INPUT if options.text == "-" else Path(options.text)))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    console.print(_coloured(scored, model.end))
    console.print(
        f"perplexity {scored.perplexity:.2f} of {len(scored.bits):,} {model.level}s; beside each {model.level} its "
        "surprise in bits"
    )


def _coloured(scored: Scored, end: str) -> Text:
    """Return the words, each with its surprise; the redder, the more surprising."""
    text = Text()
    for word, read_as, bits in zip(scored.words, scored.read_as, scored.bits, strict=True):
        read = "" if read_as == word else f" ({read_as})"
        text.append(printable(visible(word)), _style(bits)).append(f"{read} {bits:.1f}", "dim")
        text.append("\n" if word == end else "  ")
    return text


def _style(bits: float) -> Style:
    """Return black on white for a word that was certain, on red for one with ``MOST_BITS`` or more."""
    strength = min(bits / MOST_BITS, 1.0)
    rest = round(255 * (1 - 0.6 * strength))
    return Style.parse(f"black on rgb(255,{rest},{rest})")

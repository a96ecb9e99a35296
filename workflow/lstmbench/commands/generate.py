"""Write text with the model that a run kept."""

from __future__ import annotations

import argparse

from lstmbench.commands._arguments import add, add_run, at_least
from lstmbench.inference.generation import generate
from lstmbench.inference.language import open_language_model, shown
from lstmbench.utils.escaping import printable


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add_run(result)
    result.add_argument(
        "--words", type=at_least(1, int), default=50, help="words, or characters, to write [%(default)s]"
    )
    result.add_argument("--prompt", default="", help="the words before them, with spaces between")
    result.add_argument(
        "--temperature",
        type=at_least(0, float),
        default=1.0,
        help="1 draws as the model says, less makes likely words likelier, 0 takes the likeliest [%(default)s]",
    )
    add(result, "--seed")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    model = open_language_model(options.run, options.data)
    prompt = model.split(options.prompt)
    written = generate(model, options.words, prompt, options.temperature, options.seed)
    print(printable(shown([*prompt, *written], model.level)))

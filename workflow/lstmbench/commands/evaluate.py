"""Test a kept model again, and compare with its record."""

from __future__ import annotations

import argparse

from lstmbench.commands._arguments import add_run
from lstmbench.inference.evaluation import evaluate
from lstmbench.inference.kept_model import open_model


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add_run(result)
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    print(evaluate(open_model(options.run), options.data))

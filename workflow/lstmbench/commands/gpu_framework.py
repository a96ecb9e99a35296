"""Import a framework on the GPU and write its versions."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.gpu_check.framework import versions
from lstmbench.utils.files import write_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--implementation")
    result.add_argument("--device", required=True)
    result.add_argument("--card", type=json.loads, required=True, help="what card.describe_card gave, as JSON")
    result.add_argument("--output", type=Path, required=True, help="the versions, a JSON file")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    write_json(options.output, versions(options.implementation, options.device, options.card))

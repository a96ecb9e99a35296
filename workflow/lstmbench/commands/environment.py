"""Build the environment of another framework version."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.orchestration.environments import make, tools


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--description", type=json.loads, required=True, help="as in config.yaml, in JSON")
    result.add_argument("--tools", type=Path, required=True, help="envs/tools.yaml")
    result.add_argument("--folder", type=Path, required=True, help="the environment; what is there is replaced")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    make(options.folder, tools(options.tools), options.description)

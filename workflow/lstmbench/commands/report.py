"""Write the report, one HTML page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.orchestration.config import checked
from lstmbench.reporting.report import report
from lstmbench.utils.files import write_text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--tables")
    result.add_argument("--figures", type=Path, required=True, help="folder of plot's figures")
    result.add_argument("--parity", type=Path, nargs="+", required=True, help="certify's tables")
    result.add_argument("--learned", type=Path, nargs="*", default=[], help="what the kept models show")
    result.add_argument("--config-name", required=True, help="configuration files of the runs, with commas")
    add(result, "--selection")
    result.add_argument("--output", type=Path, required=True, help="the HTML page")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    selection = checked(json.loads(options.selection))
    page = report(options.tables, options.figures, options.parity, options.learned, options.config_name, selection)
    write_text(options.output, page)

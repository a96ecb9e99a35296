"""Write the report, one HTML page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.orchestration.config import checked
from lstmbench.reporting.report import report
from lstmbench.utils.files import write_text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--tables", type=Path, required=True, help="folder of collect's and tabulate's tables")
    result.add_argument("--figures", type=Path, required=True, help="folder of plot's figures")
    result.add_argument("--parity", type=Path, nargs="+", required=True, help="certify's tables")
    result.add_argument("--config-name", required=True, help="configuration files of the runs, with commas")
    result.add_argument("--selection", required=True, help="the checked configuration as JSON")
    result.add_argument("--output", type=Path, required=True, help="the HTML page")
    return result


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    selection = checked(json.loads(arguments.selection))
    page = report(arguments.tables, arguments.figures, arguments.parity, arguments.config_name, selection)
    write_text(arguments.output, page)

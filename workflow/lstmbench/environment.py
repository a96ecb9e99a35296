"""Environment: a Python of its own with other versions of a framework, so that versions can be compared.

It has what ``envs/tools.yaml`` lists (the workflow without a framework) and the requirements that the configuration
names, which come first where both name a package.  What was installed stands in its ``installed.txt``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lstmbench.cli import run
from lstmbench.errors import MachineError, UsageError
from lstmbench.files import write_text
from lstmbench.implementations import split

INSTALLED = "installed.txt"


def interpreter(implementation: str, environments: Path | None, own: str = "python") -> str:
    """The Python that runs an implementation: that of its environment, or ``own`` if it has none.

    Raises:
        UsageError: it has one, and ``environments``, the folder of them all, is not told.
    """
    _, environment = split(implementation)
    if not environment:
        return own
    if environments is None:
        raise UsageError(f"implementation {implementation}: expected the folder of the environments (--environments)")
    return str(environments / environment / "bin" / "python")


def installed(environments: Path, *implementations: str) -> list[str]:
    """The files that say that the environments of these implementations are complete."""
    names = {environment for _, environment in map(split, implementations) if environment}
    return [str(environments / name / INSTALLED) for name in sorted(names)]


def requirements(tools: Path, wanted: list[str]) -> list[str]:
    """The requirements of an environment: ``wanted``, and of a conda file's pip section what ``wanted`` does not name.

    Raises:
        UsageError: a requirement that pip could not read.
    """
    parts = yaml.safe_load(tools.read_text(encoding="utf-8"))["dependencies"]
    (pip,) = [part["pip"] for part in parts if isinstance(part, dict)]
    named = {_name(line) for line in wanted}
    return [*wanted, *(line for line in pip if _name(line) not in named)]


def _name(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement as error:
        raise UsageError(
            f"environments: expected a requirement such as torch==2.12.0, found {line!r}: {error}"
        ) from error


def build(folder: Path, lines: list[str]) -> None:
    """Make the environment anew and install ``lines`` into it; ``installed.txt`` is written last.

    Raises:
        MachineError: pip could not install them; its output, on stdout, says why.
    """
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    if code := subprocess.run([*pip, "install", *lines], check=False).returncode:
        raise MachineError(f"{folder}: pip ended with {code} and could not install {' '.join(lines)}; see above")
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    write_text(folder / INSTALLED, frozen)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.environment", description=__doc__)
    parser.add_argument("--tools", type=Path, required=True, help="envs/tools.yaml")
    parser.add_argument("--requirements", nargs="+", required=True, help="as for pip, e.g. tensorflow-cpu==2.20.0")
    parser.add_argument("--folder", type=Path, required=True, help="the environment; what is there is replaced")
    options = parser.parse_args(arguments)
    build(options.folder, requirements(options.tools, options.requirements))


if __name__ == "__main__":
    sys.exit(run(main))

"""Build Python environments with other versions of a framework, so that versions can be compared.

The configuration describes an environment by the arguments of ``pip install``, or names an existing Python.  pip
installs the described packages after the tools of ``envs/tools.yaml``, so that they win if both name a package.

An environment that cannot be used does not affect others.  Its ``bin/python`` prints the reason and exits with the code
of a missing framework.  So the runs and speeds of its implementations become rows with the reason.

``installed.txt``, on which runs and measurements depend, keeps its content if an attempt fails.  So a failure repeats
nothing that ran before.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import yaml

from lstmbench.implementations import split
from lstmbench.utils.clock import utc_now
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import PREFIX, DataError, Interrupted, MachineError, UsageError
from lstmbench.utils.escaping import one_line
from lstmbench.utils.fields import StrictStruct
from lstmbench.utils.files import hash_json, write_json, write_text
from lstmbench.utils.paths import PACKAGE

INSTALLED = "installed.txt"

SUCCESS = "success.json"
"""A file in the folder of an environment: the last success, because Snakemake deletes installed.txt before a job."""

TRIAL = """\
import sys
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or later is needed, found " + ".".join(map(str, sys.version_info[:3])))
import lstmbench.commands.train, lstmbench.commands.sample, lstmbench.commands.certify
"""
"""A program that checks that an environment can run lstm-bench, apart from its framework."""

LIST = """\
import importlib.metadata
print(*sorted(f"{found.metadata['Name']}=={found.version}" for found in importlib.metadata.distributions()), sep="\\n")
"""


class Success(StrictStruct, frozen=True):
    """What was asked for when an environment could last be used, and the content of ``installed.txt``."""

    description: list[str] | dict[str, str]
    installed: str


def interpreter(implementation: str, environments: Path | None, own: str = "python") -> str:
    """Return the Python that runs an implementation: that of its environment, or ``own`` if it has none.

    Raises:
        UsageError: it has an environment, but ``environments``, the folder of all of them, is None.
    """
    _, environment = split(implementation)
    if not environment:
        return own
    if environments is None:
        raise UsageError(f"implementation {implementation}: expected the folder of the environments (--environments)")
    return str(_python(environments / environment))


def installed(environments: Path, *implementations: str) -> list[str]:
    """Return the files that mark the environments of these implementations as complete."""
    names = {environment for _, environment in map(split, implementations) if environment}
    return [str(environments / name / INSTALLED) for name in sorted(names)]


def failure_file(folder: Path) -> Path:
    """Return the file that says why an environment could last not be made (``failed_runs``)."""
    return folder.with_name(f"{folder.name}.failed.json")


def tools(path: Path) -> list[str]:
    """Return the requirements in the pip section of a conda file."""
    parts = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    (pip,) = [part["pip"] for part in parts if isinstance(part, dict)]
    return list(pip)


def words(lines: list[str]) -> list[str]:
    """Return the arguments of ``pip install``; a line that begins with an option is split as by a shell.

    Raises:
        MachineError: a quotation mark is not closed.
    """
    try:
        return [word for line in lines for word in (shlex.split(line) if line.startswith("-") else [line])]
    except ValueError as error:
        raise MachineError(f"{' '.join(lines)}: {error}") from error


def build(folder: Path, own: list[str], wanted: list[str]) -> str:
    """Create the environment, install the requirements ``own`` and then ``wanted``, and return what is installed.

    ``wanted`` is installed separately, so that its options (``--pre``, ``--index-url``) apply to nothing else.

    Raises:
        MachineError: pip could not install them; its output, on stdout, says why.
        Interrupted: a signal ended it.
    """
    arguments = words(wanted)
    venv.create(folder, clear=True, with_pip=True)
    if own:
        _install(_python(folder), *own)
    _install(_python(folder), *arguments)
    command = [str(_python(folder)), "-m", "pip", "--disable-pip-version-check", "freeze"]
    return str(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def adopt(folder: Path, path: str) -> str:
    """Use the Python at ``path`` (absolute, or relative to the working directory); return what is installed.

    Raises:
        MachineError: there is no Python at ``path``.
    """
    python = Path(path).expanduser()
    if not python.is_file() or not os.access(python, os.X_OK):
        there = "a folder" if python.is_dir() else "a file that cannot be executed" if python.exists() else "none"
        raise MachineError(f"expected a Python at {path}, found {there}")
    # A link would not do, because Python searches for its packages relative to the path by which it is called.
    place = str(python) if python.is_absolute() else f"./{python}"  # a bare name would be searched for on PATH
    _write_python(folder, f'exec {shlex.quote(place)} "$@"')
    return _run(_python(folder), LIST).stdout


def refuse(folder: Path, error: MachineError) -> None:
    """Make the environment's Python a script that prints ``error`` as the commands do, and exits with its code."""
    _write_python(folder, f"printf '%s\\n' {shlex.quote(_in_log(error))} >&2\nexit {error.exit_code}")


def _in_log(error: MachineError) -> str:
    return f"{PREFIX}{error.label}: {one_line(str(error))}"


def make(folder: Path, own: list[str], description: list[str] | dict[str, str]) -> None:
    """Make the environment that a configuration describes, or else keep the earlier one, or say why it failed.

    After a failure, the earlier environment stays in use if it is the described one and still works.  Otherwise the
    environment's Python says why it failed.  ``installed.txt`` is written last, and lists what was installed when the
    environment could last be used.  If it never could, the content is the same after each failure.  So only a success
    repeats the jobs that depend on it.

    Raises:
        Interrupted: a signal ended pip; the next call still has the earlier environment.
    """
    earlier = _set_aside(folder)
    before = _last_success(earlier)
    try:
        success: Success | None = Success(description, prepared(folder, own, description))
    except MachineError as error:
        failure = MachineError(f"environment {folder.name}: {error}")
        print(_in_log(failure), file=sys.stderr)
        write_json(failure_file(folder), {"failed": utc_now(), "message": str(error)})
        success = before
        if before and before.description == description and _works(_python(earlier)):
            shutil.rmtree(folder, ignore_errors=True)
            earlier.replace(folder)
        else:
            refuse(folder, failure)
    if success:
        write_json(folder / SUCCESS, plain(success))
    if earlier.exists():
        shutil.rmtree(earlier)
    write_text(
        folder / INSTALLED, success.installed if success else f"nothing, as it failed: {hash_json(description)}\n"
    )


def _set_aside(folder: Path) -> Path:
    """Move an environment that could once be used to a place beside its own, and return that place.

    The new one is built at its own place, since the programs that pip installs hold the path of their environment.
    What an interrupted attempt left is not moved, because it would replace the environment that was moved before it.
    """
    place = folder.with_name(f".{folder.name}")  # not the name of an environment
    if (folder / SUCCESS).exists():
        shutil.rmtree(place, ignore_errors=True)
        folder.replace(place)
    return place


def _last_success(folder: Path) -> Success | None:
    """Return what ``make`` noted in an environment; None if it could never be used."""
    try:
        return converted(json.loads((folder / SUCCESS).read_text(encoding="utf-8")), Success, folder / SUCCESS)
    except (OSError, ValueError, DataError):
        return None


def _works(python: Path) -> bool:
    try:
        try_python(python)
    except (MachineError, OSError):  # a link to a Python that is gone
        return False
    return True


def prepared(folder: Path, own: list[str], description: list[str] | Mapping[str, str]) -> str:
    """Make the environment that a configuration describes, try it, and return what is installed.

    Raises:
        MachineError: it cannot be made, or cannot run lstm-bench.
        Interrupted: a signal ended pip.
    """
    if isinstance(description, Mapping):
        content = adopt(folder, description["python"])
    else:
        content = build(folder, own, description)
    try_python(_python(folder))
    return content


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _write_python(folder: Path, script: str) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    write_text(_python(folder), f"#!/bin/sh\n{script}\n")
    with contextlib.suppress(PermissionError):  # on a file system without modes every file can be executed
        _python(folder).chmod(0o755)


def _install(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        lines = []
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.strip())
    if process.returncode < 0:
        raise Interrupted(f"pip was ended by signal {-process.returncode}; the same command starts again")
    if process.returncode:
        reasons = [line for line in lines if line.lower().startswith("error: ")] or [line for line in lines if line]
        raise MachineError(f"pip ended with {process.returncode}: {one_line(reasons[-1]) if reasons else 'no message'}")


def search_path() -> str:
    """Return a PYTHONPATH by which another Python finds this package."""
    return os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))


def try_python(python: Path) -> None:
    """Check that a Python can run lstm-bench, apart from its framework.

    Raises:
        MachineError: it cannot; says why.
    """
    found = _run(python, TRIAL, {**os.environ, "PYTHONPATH": search_path()})
    if found.returncode:
        last = (found.stderr.strip().splitlines() or [f"it ended with {found.returncode}"])[-1]
        raise MachineError(f"it cannot run lstm-bench: {one_line(last)}")


def _run(python: Path, program: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=False)

"""Find the version of a framework from which on it is slower."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from lstmbench import implementations
from lstmbench.commands._arguments import add, at_least
from lstmbench.commands._case import case_files
from lstmbench.orchestration.environments import search_path, tools, try_python, words
from lstmbench.orchestration.versions import Pinned, VersionEnvironments, disk_line, offered_between
from lstmbench.records.tables import write_table
from lstmbench.reporting.bisection import sentence, table
from lstmbench.statistics.bisection import Bisection, first_slow
from lstmbench.system.device import require_threads, resolve_device
from lstmbench.timing.side_by_side import FIRST, SECOND, ratios
from lstmbench.utils.errors import MachineError, UsageError, VerdictError
from lstmbench.utils.paths import ROOT
from lstmbench.utils.validation import require_known

TOOLS = ROOT / "envs/tools.yaml"

Commands = Callable[[str, str], dict[str, list[str]]]
"""commands(first, second) -> what measures each of two Pythons."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--between",
        nargs=2,
        required=True,
        metavar=("GOOD", "SLOW"),
        help="torch==2.13.0 torch==2.14.1; or two Pythons, for git bisect run",
    )
    result.add_argument("--dataset", default="ptb", help="a prepared one, or markov or glyphs [%(default)s]")
    result.add_argument("--size", default="small", help="model size [%(default)s]")
    result.add_argument("--implementation", help="by default the framework's plain one")
    add(result, "--device", "--threads", "--seed")
    result.add_argument(
        "--loss", type=at_least(0.0, float), default=0.05, help="share of the speed that counts as lost [%(default)s]"
    )
    result.add_argument(
        "--pip", action="append", default=[], metavar="OPTIONS", help='e.g. --pip="--index-url https://..."'
    )
    result.add_argument("--tools", type=Path, default=TOOLS, help="requirements of lstm-bench itself [%(default)s]")
    result.add_argument("--data", type=Path, default=Path("results/data"), help="the prepared data sets [%(default)s]")
    result.add_argument("--folder", type=Path, default=Path("results/bisect"), help="for all files [%(default)s]")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.loss >= 1:
        raise UsageError(f"--loss: expected a share below 1, found {options.loss:g}")
    device = resolve_device(options.device)
    require_threads(device, options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        if all(Path(end).is_file() for end in options.between):
            _judge(options, _commands(options, device, _implementation(options, "torch"), Path(temporary)))
        else:
            _search(options, device, Path(temporary))


def _search(options: argparse.Namespace, device: str, temporary: Path) -> None:
    """Search all versions between two requirements."""
    first, second = map(Pinned.parse, options.between)
    implementation = _implementation(options, first.package)
    pip, own = words(options.pip), tools(options.tools)
    versions = offered_between(first, second, pip)
    commands = _commands(options, device, implementation, temporary)
    _say(disk_line(options.folder, first.package, own, len(versions)))
    environments = VersionEnvironments(options.folder / "environments", first, own, pip, _say)
    good = versions[0]

    def measure(version: str, rounds: int) -> list[float]:
        pythons = environments.python(good), environments.python(version)
        _say(f"{first.named(version)}: {rounds} rounds in turns with {good}")
        return ratios(commands(*pythons), rounds, _say)

    try:
        found = first_slow(versions, _removing(measure, environments.remove), options.loss)
    finally:
        for version in versions:
            environments.remove(version)
    _report(options.folder, versions, found)
    print(sentence(versions, found, options.loss))
    if found.judged[versions[-1]].slow is None or len(found.suspects) > 1:
        raise MachineError("expected one version to be named, found no certain answer; see above")


def _removing(
    measure: Callable[[str, int], list[float]], finished: Callable[[str], None]
) -> Callable[[str, int], list[float]]:
    """Return ``measure``, after which the environment of the version before is deleted once another is asked for."""
    last: list[str] = []

    def removing(version: str, rounds: int) -> list[float]:
        if last and last[-1] != version:
            finished(last[-1])
        last.append(version)
        return measure(version, rounds)

    return removing


def _judge(options: argparse.Namespace, commands: Commands) -> None:
    """Compare two Pythons, as ``git bisect run`` asks for."""
    for python in options.between:
        try_python(Path(python))
    pair = commands(*(str(Path(one).absolute()) for one in options.between))
    found = first_slow(options.between, lambda version, rounds: ratios(pair, rounds, _say), options.loss)
    said = sentence(options.between, found, options.loss)
    slow = found.judged[options.between[-1]].slow
    if slow is None:
        raise MachineError(said)
    if slow:
        raise VerdictError(said)
    print(said)


def _implementation(options: argparse.Namespace, package: str) -> str:
    """Return the implementation that is measured: the shortest name that holds the package's."""
    known = implementations.names()
    if options.implementation:
        require_known("implementation", options.implementation, known)
        return str(options.implementation)
    found = [name for name in known if package.partition("-")[0] in name]
    if not found:
        raise UsageError(f"{package}: expected --implementation, as no implementation is called so: {', '.join(known)}")
    return min(found, key=len)


def _commands(options: argparse.Namespace, device: str, implementation: str, temporary: Path) -> Commands:
    """Return what measures two Pythons; writes the weights from which both start."""
    files = case_files(options.data, options.dataset, options.size, options.seed, temporary)

    def commands(first: str, second: str) -> dict[str, list[str]]:
        return {
            name: [
                "env", f"PYTHONPATH={search_path()}", python, "-m", "lstmbench", "sample", "--data", str(files.data),
                "--preset", str(files.preset), "--weights", str(files.weights), "--implementation", implementation,
                "--device", device, "--threads", str(options.threads), "--seed", str(options.seed),
            ]
            for name, python in ((FIRST, first), (SECOND, second))
        }  # fmt: skip

    return commands


def _report(folder: Path, versions: Sequence[str], found: Bisection) -> None:
    rows: pd.DataFrame = table(versions, found)
    write_table(folder / "bisect.csv", rows)
    for row in rows.to_dict("records"):
        interval = "" if math.isnan(row["low"]) else f" ({row['low']:.3f} to {row['high']:.3f})"
        ratio = "" if math.isnan(row["ratio"]) else f", {row['ratio']:.3f} times as fast{interval}"
        print(f"  {row['version']}: {row['verdict']}{ratio}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

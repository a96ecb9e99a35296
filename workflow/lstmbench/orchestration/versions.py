"""Ask an index for the versions of a package, and build an environment for one at a time."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from lstmbench.orchestration.environments import interpreter, prepared
from lstmbench.utils.errors import NetworkError, ResourceError, UsageError, last_error

TIMEOUT_SECONDS = 300
"""For the answer of an index."""


@dataclass(frozen=True)
class Pinned:
    """A package and the one version of it that a user wrote, as in torch==2.13.0."""

    package: str
    requirement: Requirement

    @classmethod
    def parse(cls, text: str) -> Pinned:
        """Read ``text``.

        Raises:
            UsageError: it is no requirement of one version.
        """
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise UsageError(f"{text!r}: expected a version as in torch==2.13.0: {error}") from error
        pins = [one for one in requirement.specifier if one.operator == "==" and "*" not in one.version]
        if len(pins) != 1 or len(requirement.specifier) != 1 or requirement.url or requirement.marker:
            raise UsageError(f"{text!r}: expected one version, as in torch==2.13.0")
        return cls(requirement.name, requirement)

    @property
    def build(self) -> str | None:
        """Return what the version says of its build: cpu of 2.13.0+cpu, None of 2.13.0."""
        (pin,) = self.requirement.specifier
        return Version(pin.version).local

    @property
    def prerelease(self) -> bool:
        """Return whether the version is one."""
        return bool(self.requirement.specifier.prereleases)

    def named(self, version: str) -> str:
        """Return the requirement of another version, with the same extras."""
        extras = ",".join(sorted(self.requirement.extras))
        # Of 2.13.0 and 2.13.0+cpu, pip would take the second for ==2.13.0.
        return f"{self.package}{f'[{extras}]' if extras else ''}==={version}"


def offered_between(first: Pinned, second: Pinned, options: Sequence[str]) -> list[str]:
    """Return the versions that pip's index offers for this Python, from the first to the second.

    Pre-releases count only if an end is one.  A version may have several builds (2.13.0, 2.13.0+cpu); only the build of
    the first end counts, so that no two builds are compared.  ``options`` are pip's.

    Raises:
        UsageError: the ends are of two packages, or the same version, or the index lacks one.
        NetworkError: the index does not answer.
    """
    if first.package != second.package:
        raise UsageError(f"expected two versions of one package, found {first.package} and {second.package}")
    early = first.prerelease or second.prerelease
    listed = _of_one_build(_offered(first.package, [*options, *(["--pre"] if early else [])]), first.build)
    places = []
    for end in (first, second):
        found = [place for place, one in enumerate(listed) if end.requirement.specifier.contains(one, prereleases=True)]
        if not found:
            raise UsageError(f"{end.requirement}: the index has no such version for this Python; it has {_few(listed)}")
        places.append(found[-1])
    if places[0] == places[1]:
        raise UsageError(f"expected two versions, found {first.requirement} twice")
    low, high = sorted(places)
    between = listed[low : high + 1]
    return between if places[0] < places[1] else between[::-1]


def _offered(package: str, options: Sequence[str]) -> list[str]:
    """Return the versions of a package, the oldest first."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", package, "--json"]
    try:
        done = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NetworkError(f"{package}: pip had no answer of the index within {TIMEOUT_SECONDS} s") from error
    if done.returncode:
        raise NetworkError(f"{package}: pip cannot list its versions: {last_error(done.stderr.lower().splitlines())}")
    return sorted(json.loads(done.stdout)["versions"], key=Version)


def _of_one_build(listed: Sequence[str], build: str | None) -> list[str]:
    """Return one build of each version: the wanted one; or the only one that there is, if none is named."""
    builds_of: dict[str, list[str]] = {}
    for one in listed:
        builds_of.setdefault(Version(one).public, []).append(one)
    found = []
    for of_version in builds_of.values():
        wanted = [one for one in of_version if Version(one).local == build]
        found += wanted or (of_version if build is None and len(of_version) == 1 else [])
    return found


def _few(versions: Sequence[str]) -> str:
    return ", ".join(versions if len(versions) <= 8 else [*versions[:4], "...", *versions[-4:]]) or "none"


def builds(count: int) -> int:
    """Return how many environments a search of ``count`` versions builds at most if each can be judged."""
    return 2 + math.ceil(math.log2(max(1, count - 1)))


def installed_bytes(names: Sequence[str]) -> int | None:
    """Return what packages and all that they require take in this environment; None if the first is not here."""
    sizes: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name == names[0]:
                return None
            continue
        key = found.metadata["Name"].lower()
        if key not in sizes:
            files = [Path(str(file.locate())) for file in found.files or ()]
            sizes[key] = sum(file.stat().st_size for file in files if file.is_file())
            needed = [Requirement(text) for text in found.requires or ()]
            waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return sum(sizes.values())


def folder_bytes(folder: Path) -> int:
    """Return what the files below a folder take."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@dataclass
class VersionEnvironments:
    """Environments for versions of a package, below ``folder``, with pip's logs in ``logs`` beside it.

    own: the tools that each has.

    say: is told what is built, and the disk that it took.
    """

    folder: Path
    pinned: Pinned
    own: list[str]
    options: list[str]
    say: Callable[[str], None]
    _built: set[str] = field(default_factory=set)

    def python(self, version: str) -> str:
        """Return the Python of a version's environment; it is built if it is not there.

        Raises:
            MachineError: it cannot be built, or cannot run lstm-bench.
        """
        place = self._place(version)
        if version not in self._built:
            requirement = self.pinned.named(version)
            log = self.folder.with_name("logs") / f"{place.name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            self.say(f"building an environment with {requirement}; pip's words are in {log}")
            try:
                with log.open("w", encoding="utf-8") as told, contextlib.redirect_stdout(told):
                    prepared(place, self.own, [*self.options, requirement])
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            self._built.add(version)
            self.say(f"it takes {folder_bytes(place) / 1e9:.2f} GB of disk")
        return interpreter(f"any-{place.name}", self.folder)

    def remove(self, version: str) -> None:
        """Delete the environment of a version, if there is one."""
        self._built.discard(version)
        shutil.rmtree(self._place(version), ignore_errors=True)

    def _place(self, version: str) -> Path:
        return self.folder / version.replace("+", "-")


def disk_line(folder: Path, package: str, own: Sequence[str], count: int) -> str:
    """Return what the builds of a search take, said before the first.

    Raises:
        ResourceError: two environments do not fit on the disk.
    """
    names = [package, *(Requirement(one).name for one in own)]
    each, free = installed_bytes(names), shutil.disk_usage(_existing(folder)).free
    line = f"{count} versions: at most {builds(count)} environments are built, and two are kept at a time. "
    if each is None:
        unknown = f"{package} is not installed here, so what one takes is said after the first"
        return line + f"{unknown}; {free / 1e9:.1f} GB are free"
    if 2 * each > free:
        raise ResourceError(
            f"{folder}: two environments of about {each / 1e9:.1f} GB each: expected that much free, found "
            f"{free / 1e9:.1f} GB; choose another --folder"
        )
    return line + f"One takes about {each / 1e9:.1f} GB, as here; {free / 1e9:.1f} GB are free"


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())

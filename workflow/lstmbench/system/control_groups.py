"""Find the control groups of this process, of either version (Linux, cgroup-v1 and cgroup-v2.rst)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lstmbench.system import linux


def control_groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups by which ``controller`` limits this process: its own, and its parents."""
    paths = {}
    for line in _read(linux.PROCESS / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or controller in controllers.split(","):
            paths[controllers == ""] = path
    for line in _read(linux.PROCESS / "mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        root, mount = (part.encode().decode("unicode_escape") for part in left.split()[3:5])
        kind, _, *options = right.split()
        if kind != "cgroup2" and not (kind == "cgroup" and controller in options[-1].split(",")):
            continue
        own = paths.get(kind == "cgroup2")
        if own is None:
            continue
        inside = own.removeprefix(root.rstrip("/")).strip("/")
        folder = Path(mount, inside)
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(mount))


def _read(path: Path) -> str:
    return linux.read(path) or ""

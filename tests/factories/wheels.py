"""Tiny wheels, an index of them, and environments that are made without a network."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def wheel(folder: Path, version: str, name: str = "tiny", files: Mapping[str, str] | None = None) -> Path:
    """Write a wheel of pure Python; ``files`` by their paths, by default a module that knows its version."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in (files or {f"{name}.py": f"version = {version!r}\n"}).items():
            archive.writestr(file, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def with_the_pip_at_hand(folder: Path, **options: Any) -> None:
    """Make an environment, in place of ``venv.create``, that has the packages of this one."""
    python = folder / "bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.unlink(missing_ok=True)
    python.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\ninclude-system-site-packages = true\n")


def no_tools(folder: Path) -> Path:
    """Write a file such as envs/tools.yaml that lists no tools."""
    path = folder / "tools.yaml"
    path.write_text("dependencies: [python, pip, {pip: []}]\n", encoding="utf-8")
    return path

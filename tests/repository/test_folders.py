"""The folders of the package import downwards only, and a tool notices where one does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lstmbench
from lstmbench.utils.paths import ROOT


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a checkout."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    return subprocess.run([program, "--no-cache"], cwd=root, env=environment, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package and of the settings of the tools."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = ROOT / "workflow/lstmbench"
    shutil.copytree(package, tmp_path / "workflow/lstmbench", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_folder_imports_downwards_only(checkout):
    done = lint(checkout)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("utils/files.py", "lstmbench.commands"),
        ("analysis/quality.py", "lstmbench.reporting.quality"),
        ("analysis/quality.py", "lstmbench.timing.rounds"),
        ("implementations/pytorch.py", "lstmbench.tasks"),
    ],
)
def test_an_import_that_points_up_or_sideways_is_refused(checkout, module, imported):
    path = checkout / "workflow/lstmbench" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\nimport {imported}\n", encoding="utf-8")
    done = lint(checkout)
    assert done.returncode == 1
    assert f"is not allowed to import {imported.rpartition('.')[0] or imported}"[:40] in done.stdout.replace("\n", " ")


def test_a_folder_that_no_line_names_is_refused(checkout):
    (checkout / "workflow/lstmbench/attic").mkdir()
    (checkout / "workflow/lstmbench/attic/__init__.py").touch()
    assert lint(checkout).returncode == 1


def test_the_map_of_the_package_names_the_folders_in_the_order_of_the_layers():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = settings["contracts"]
    drawn = [line.strip() for line in lstmbench.__doc__.splitlines() if line.startswith("    ")]
    assert [line.partition("  ")[0] for line in drawn] == contract["layers"]
    folders = {path.parent.name for path in (ROOT / "workflow/lstmbench").glob("*/__init__.py")}
    assert folders == {name for layer in contract["layers"] for name in layer.split(" | ")}


def test_every_folder_says_what_it_is_for():
    for path in (ROOT / "workflow/lstmbench").glob("*/__init__.py"):
        assert path.read_text(encoding="utf-8").startswith('"""'), path

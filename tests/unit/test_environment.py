"""An environment has the tools, the requirements of the configuration before them, and says what was installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from lstmbench import implementations
from lstmbench.code import training_hash
from lstmbench.environment import build, installed, interpreter, requirements
from lstmbench.errors import MachineError, UsageError
from lstmbench.probes import framework

TOOLS = Path(__file__).resolve().parents[2] / "envs/tools.yaml"
HERE = Path("results/environments")


def test_a_name_with_an_environment_is_the_module_in_that_environment():
    assert implementations.split("pytorch_fused-torch2.12-cpu") == ("pytorch_fused", "torch2.12-cpu")
    assert implementations.split("pytorch_fused") == ("pytorch_fused", "")
    assert framework("pytorch_fused-torch2.12") == "pytorch"
    assert training_hash("classifier", "pytorch_fused-x") == training_hash("classifier", "pytorch_fused")
    assert implementations.load("reference-numpy2") is implementations.load("reference")


def test_each_environment_is_installed_once_and_only_if_it_is_named():
    assert installed(HERE, "pytorch", "tensorflow") == []
    assert installed(HERE, "pytorch-b", "tensorflow-a", "pytorch_fused-b", "pytorch") == [
        "results/environments/a/installed.txt",
        "results/environments/b/installed.txt",
    ]


def test_an_implementation_runs_in_the_python_of_its_environment():
    assert interpreter("pytorch-b", HERE) == "results/environments/b/bin/python"
    assert interpreter("pytorch", None, own=sys.executable) == sys.executable
    with pytest.raises(UsageError, match="--environments"):
        interpreter("pytorch-b", None)


def test_what_the_configuration_names_takes_the_place_of_the_tools_own_pin():
    tools = yaml.safe_load(TOOLS.read_text())["dependencies"][-1]["pip"]
    found = requirements(TOOLS, ["torch==2.12.0", "NumPy<2"])
    assert found[:2] == ["torch==2.12.0", "NumPy<2"]
    assert set(found[2:]) == {line for line in tools if not line.startswith("numpy==")}


def test_what_pip_could_not_read_is_refused():
    with pytest.raises(UsageError, match=r"found 'torch=2\.12'"):
        requirements(TOOLS, ["torch=2.12"])


def wheel(folder: Path, version: str) -> Path:
    path = folder / f"tiny-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", f"version = {version!r}\n")
        info = f"tiny-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_an_environment_has_its_own_versions_and_a_second_building_replaces_them(tmp_path):
    folder = tmp_path / "environment"
    for version in ("1.0", "2.0"):
        build(folder, [str(wheel(tmp_path, version))])
        command = [folder / "bin/python", "-c", "import tiny; print(tiny.version)"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == f"{version}\n"
    assert "tiny" in (folder / "installed.txt").read_text()


def test_an_environment_that_cannot_be_installed_is_not_called_complete(tmp_path):
    with pytest.raises(MachineError, match="could not install"):
        build(tmp_path / "environment", [str(tmp_path / "missing-1.0-py3-none-any.whl")])
    assert not (tmp_path / "environment/installed.txt").exists()

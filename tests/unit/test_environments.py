"""The pins stand in envs/ more than once; they must say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).resolve().parents[2] / "envs"


def pins(lines) -> dict[str, str]:
    found = {}
    for line in lines:
        line = line.split("#")[0].strip()
        if line and not line.startswith("-"):
            name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[a-z-]+\])?==([\w.+]+)", line).groups()
            found[name.lower().replace("_", "-").replace("tensorflow-cpu", "tensorflow")] = version
    return found


def of_file(name: str) -> dict[str, str]:
    return pins((ENVS / name).read_text(encoding="utf-8").splitlines())


CPU = of_file("requirements.txt")


def test_the_gpu_requirements_pin_the_same_versions():
    assert of_file("requirements-gpu.txt") == CPU


@pytest.mark.parametrize("path", sorted(ENVS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_conda_environments_pin_the_same_versions(path):
    environment = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = pins(environment["dependencies"][-1]["pip"])
    assert found
    assert found.items() <= CPU.items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_constraints_agree_with_the_requirements(name):
    constraints = of_file("constraints.txt")
    for package, version in of_file(name).items():
        assert constraints.get(package, version) == version, package

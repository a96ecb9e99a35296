"""The pins stand in envs/ more than once; they must say the same."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from lstmbench.utils.paths import ROOT

ENVS = ROOT / "envs"


def pins(lines) -> dict[str, str]:
    found = {}
    for line in lines:
        line = line.split("#")[0].strip()
        if line and not line.startswith("-"):
            name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[a-z0-9-]+\])?==([\w.+]+)", line).groups()
            found[name.lower().replace("_", "-").replace("tensorflow-cpu", "tensorflow")] = version
    return found


def of_file(name: str) -> dict[str, str]:
    return pins((ENVS / name).read_text(encoding="utf-8").splitlines())


CPU = of_file("requirements.txt")
JAX = of_file("requirements-jax.txt")


def test_the_gpu_requirements_pin_the_same_versions():
    assert of_file("requirements-gpu.txt") == CPU


@pytest.mark.parametrize("build", ["cpu", "gpu"])
def test_the_package_requires_the_same_versions(build):
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert pins([*project["dependencies"], *project["optional-dependencies"][build]]) == CPU


def test_jax_is_an_extra_of_the_package_and_no_part_of_the_default_installation():
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert pins(project["optional-dependencies"]["jax"]) == JAX
    assert not {*JAX, "jaxlib"} & {*CPU, *pins(re.findall(r"^\S+==\S+", LOCKED, re.MULTILINE))}


@pytest.mark.parametrize("path", sorted(ENVS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_conda_environments_pin_the_same_versions(path):
    environment = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = pins(environment["dependencies"][-1]["pip"])
    assert found
    assert found.items() <= {**CPU, **JAX}.items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-jax.txt", "requirements-dev.txt"])
def test_the_constraints_agree_with_the_requirements(name):
    constraints = of_file("constraints.txt")
    for package, version in of_file(name).items():
        assert constraints.get(package, version) == version, package


LOCKED = (ENVS / "locked.txt").read_text(encoding="utf-8")


def test_the_default_installation_is_locked_to_hashes_but_for_torch():
    # Its build for a CPU and those for CUDA come under one version, so that no hash is right everywhere.
    hashes = r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+"
    blocks = re.findall(rf"^([A-Za-z0-9_.-]+)==([\w.+]+){hashes}$", LOCKED, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^[A-Za-z0-9]", LOCKED, re.MULTILINE)), "a package without hashes"
    locked = pins(f"{name}=={version}" for name, version in blocks)
    assert {*CPU} - {*locked} == {"torch"}
    every = CPU | of_file("constraints.txt")
    assert {name: version for name, version in locked.items() if every.get(name) != version} == {}

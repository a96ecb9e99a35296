"""The pins stand in envs/ more than once; they must say the same."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from lstmbench import commands, implementations
from lstmbench.orchestration.dependencies import closure
from lstmbench.utils.paths import PACKAGE, ROOT

ENVS = ROOT / "envs"


def pins(lines) -> dict[str, str]:
    found = {}
    for line in lines:
        line = line.split("#")[0].split(";")[0].strip()
        if line and not line.startswith("-"):
            name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[a-z0-9-]+\])?==([\w.+]+)", line).groups()
            name = name.lower().replace("_", "-").replace("tensorflow-cpu", "tensorflow")
            assert found.setdefault(name, version) == version, name
    return found


SYSTEMS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"},
    "Linux ARM": {"sys_platform": "linux", "platform_machine": "aarch64", "platform_system": "Linux"},
    "macOS ARM": {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin"},
}
PYTHONS = ("3.11", "3.12", "3.13")


def applicable(lines, system: str, python: str) -> list[str]:
    """The requirements that count on a system, without versions."""
    wanted = [Requirement(line.split("#")[0]) for line in lines if line.strip() and line[0] not in "#-"]
    where = {**SYSTEMS[system], "python_version": python}
    return [
        f"{one.name}{sorted(one.extras)}" if one.extras else one.name
        for one in wanted
        if one.marker is None or one.marker.evaluate(where)
    ]


def lines_of(name: str) -> list[str]:
    return (ENVS / name).read_text(encoding="utf-8").splitlines()


def of_file(name: str) -> dict[str, str]:
    return pins(lines_of(name))


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


BRINGS = {
    "google": "tensorboard",  # protobuf
    "jaxlib": "jax",
    "keras": "tensorflow",
    "markupsafe": "jinja2",
    "urllib3": "requests",
    "yaml": "pyyaml",
}
"""The package that brings a module of another name."""


def imported(module: str) -> set[str]:
    """The packages that a module of ours imports, be it within a function."""
    path = PACKAGE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"lstmbench"}
    return {BRINGS.get(top, top) for top in tops}


def jobs():
    """Each rule's conda file and the modules that its jobs start from; per implementation if the file depends on it."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for block in re.split(r"^(?:rule|checkpoint) ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            rule, shell = block.partition(":")[0], block.partition("    shell:\n")[2]
            words = set(re.findall(r'(?<=\s)[a-z-]+(?=[\s"])', shell)) & {*commands.names()}
            if not words:
                continue
            roots = tuple(f"commands.{word.replace('-', '_')}" for word in sorted(words))
            (conda,) = re.findall(r"    conda:\n +(\S+)\n", block)
            if conda != "environment":
                yield pytest.param(conda.strip('"').rpartition("/")[2], roots, id=rule)
                continue
            for name in implementations.names():
                own = f"{implementations.framework(name)}.yaml"
                file = own if (ENVS / own).exists() else "tools.yaml"
                yield pytest.param(file, (*roots, f"implementations.{name}"), id=f"{rule}-{name}")


@pytest.mark.parametrize(("file", "roots"), jobs())
def test_the_conda_environment_of_each_job_has_all_that_the_job_imports(file, roots):
    environment = yaml.safe_load((ENVS / file).read_text(encoding="utf-8"))
    has = pins(environment["dependencies"][-1]["pip"])
    lacks = {package: module for module in closure(roots) for package in imported(module) if package not in has}
    assert lacks == {}


@pytest.mark.parametrize("name", sorted(path.name for path in ENVS.glob("requirements*.txt")))
def test_the_constraints_agree_with_the_requirements(name):
    constraints = of_file("constraints.txt")
    for package, version in of_file(name).items():
        assert constraints.get(package, version) == version, package


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_gets_one_build_of_tensorflow_by_the_name_that_it_has_there(system, python):
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lines in (lines_of("requirements.txt"), project["optional-dependencies"]["cpu"]):
        found = [name for name in applicable(lines, system, python) if name.startswith("tensorflow")]
        assert found == ["tensorflow-cpu" if system == "Linux x86-64" else "tensorflow"]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("path", sorted(ENVS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_conda_environment_asks_for_each_package_once_and_for_cuda_on_linux_only(path, system):
    found = applicable(yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"][-1]["pip"], system, "3.11")
    names = [name.partition("[")[0] for name in found]
    assert sorted(set(names)) == sorted(names)
    assert system != "macOS ARM" or not [name for name in found if "cuda" in name]


def test_readme_names_the_systems_and_pythons_that_are_resolved():
    spec = importlib.util.spec_from_file_location("resolve", ENVS / "resolve.py")
    resolve = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(resolve)
    assert (tuple(resolve.SYSTEMS), resolve.PYTHONS) == (tuple(SYSTEMS), PYTHONS)
    rows = re.findall(r"^\| (.+?) \| 3\.11 to 3\.13 \|", (ENVS.parent / "README.md").read_text("utf-8"), re.MULTILINE)
    assert {name for name in SYSTEMS if any(name in row for row in rows)} == set(SYSTEMS)


def test_both_builds_for_cuda_get_a_pinned_cudnn_of_one_version():
    found = of_file("constraints.txt")
    assert found["nvidia-cudnn-cu12"] == found["nvidia-cudnn-cu13"]


@pytest.mark.parametrize("path", ["docs/cluster.md", "profiles/slurm/config.yaml"])
def test_users_of_a_cluster_are_told_the_version_of_the_plugin_that_is_tested(path):
    told = re.findall(r"pip install (\S+==[\d.]+)", (ROOT / path).read_text(encoding="utf-8"))
    assert told
    assert pins(told) == of_file("requirements-cluster.txt")


LOCKED = (ENVS / "locked.txt").read_text(encoding="utf-8")


def test_the_default_installation_is_locked_to_hashes_but_for_torch():
    # Its build for a CPU and those for CUDA come under one version, so that no hash is right everywhere.
    hashes = r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+"
    blocks = re.findall(rf"^([A-Za-z0-9_.-]+)==([\w.+]+)(?: ; [^\\\n]+)?{hashes}$", LOCKED, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^[A-Za-z0-9]", LOCKED, re.MULTILINE)), "a package without hashes"
    locked = pins(f"{name}=={version}" for name, version in blocks)
    assert {*CPU} - {*locked} == {"torch"}
    every = CPU | of_file("constraints.txt")
    assert {name: version for name, version in locked.items() if every.get(name) != version} == {}

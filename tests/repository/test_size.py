"""What an installation takes on the disk: as README says, and as ``make install`` says at its end."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lstmbench.utils.paths import ROOT

SPEC = importlib.util.spec_from_file_location("size", ROOT / "envs/size.py")
size = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(size)


def needed() -> set[str]:
    """The packages of requirements.txt, and what they need in turn."""
    lines = (ROOT / "envs/requirements.txt").read_text(encoding="utf-8").splitlines()
    waiting, found = [line for line in lines if line and line[0] not in "#-"], set()
    while waiting:
        one = Requirement(waiting.pop())
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += metadata.requires(name) or []
    return found


def test_readme_s_size_of_the_default_installation_is_what_it_takes_here():
    installed = {canonicalize_name(name): taken for name, taken in size.sizes().items()}
    if "tensorflow-cpu" not in installed or "+cpu" not in metadata.version("torch"):
        pytest.skip("the frameworks here are not the builds for CPUs on Linux x86-64")
    total = sum(installed[name] for name in needed())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"^\| Linux x86-64, CPU \| .* \| (\d+) GB for `\.venv`", readme, re.MULTILINE)
    assert round(total / 1e9) == int(stated)


def test_libraries_for_cuda_in_an_installation_for_cpus_are_named_with_size_and_remedy():
    found = {"torch": 10**9, "nvidia-cudnn-cu13": 2 * 10**9, "triton": 5 * 10**8}
    assert size.said(found, "gpu") == ["installed: 3.5 GB in 3 packages"]
    assert size.said({"torch": 10**9}, "cpu") == ["installed: 1.0 GB in 1 packages"]
    first, second = size.said(found, "cpu")
    assert first == "installed: 3.5 GB in 3 packages"
    assert second.startswith("2.5 GB of them are CUDA libraries")
    assert "PIP_EXTRA_INDEX_URL" in second

"""What is installed of a framework is found without importing it, and a lack of it is no reason to measure again."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy
import pytest

from lstmbench.orchestration import frameworks
from lstmbench.orchestration.frameworks import never_measured, versions


@pytest.fixture(autouse=True)
def afresh():
    """Forget the versions that another test found, and leave none."""
    frameworks._version.cache_clear()
    yield
    frameworks._version.cache_clear()


@pytest.fixture
def without_torch(monkeypatch):
    """PyTorch is not installed."""
    monkeypatch.setitem(sys.modules, "torch", None)


def test_a_library_has_the_version_of_the_package_that_it_is_part_of(tmp_path, monkeypatch):
    numpy_here = f"numpy-{numpy.__version__}"
    assert versions("reference") == [numpy_here]
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise RuntimeError('imported')\n")
    for package in ("torch-9.1+cpu", "torchvision-1.0", "torch_cpu-9.1"):
        (tmp_path / f"{package}.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for name in ("pytorch", "pytorch_fused"):
        assert versions(name) == [numpy_here, "torch-9.1+cpu torch_cpu-9.1"]


@pytest.mark.usefixtures("without_torch")
def test_a_library_that_is_missing_is_named_but_not_where_an_environment_has_its_own():
    assert versions("pytorch")[1] == "torch is missing"
    assert versions("pytorch-torch2.12") == []


@pytest.mark.usefixtures("without_torch")
def test_an_implementation_is_measured_once_its_framework_is_there_and_not_when_it_goes(tmp_path, monkeypatch):
    record = tmp_path / "measurement.json"
    names = ["reference", "pytorch", "pytorch-torch2.12"]
    assert never_measured(record, names) == ["pytorch"]
    record.write_text(json.dumps({"samples": [{"implementation": "reference"}]}))
    assert never_measured(record, names) == ["pytorch"]
    record.write_text(json.dumps({"samples": [{"implementation": "reference"}, {"implementation": "pytorch"}]}))
    assert never_measured(record, names) == []
    record.write_text("{")
    assert never_measured(record, names) == ["pytorch"]


def test_no_framework_is_imported():
    program = (
        "import sys; from lstmbench.orchestration.frameworks import versions; from lstmbench import implementations; "
        "[versions(name) for name in implementations.names()]; "
        "print({'torch', 'tensorflow', 'jax', 'numpy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

"""Which GPU PyTorch computes on, by name: a stand-in says which there is.  Nothing here shows what it would compute."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

from lstmbench.implementations import _pytorch_accelerator as accelerator
from lstmbench.implementations import pytorch, pytorch_fused, pytorch_plain, reference
from lstmbench.parity import comparison
from lstmbench.parity.certificate import certify
from lstmbench.system import device, hardware
from lstmbench.timing import kernels
from lstmbench.utils.errors import MachineError
from tests.factories.cases import Text, make_case, make_request
from tests.helpers.run_command import run_command


@pytest.fixture
def gpu(monkeypatch):
    """A machine whose PyTorch says that it has this GPU."""

    def pretend(kind):
        cuda = kind in ("cuda", "rocm")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(
            torch.cuda, "get_device_name", lambda: "AMD Instinct MI300X" if kind == "rocm" else "NVIDIA"
        )
        monkeypatch.setattr(torch.version, "hip", "7.0.51831" if kind == "rocm" else None)
        monkeypatch.setattr(torch.backends.mps, "get_name", lambda: "Apple M2")
        monkeypatch.setattr("platform.mac_ver", lambda: ("15.5", ("", "", ""), "arm64"))
        found = None if kind is None or cuda else torch.device(kind)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: found)

    return pretend


@pytest.mark.parametrize(
    ("kind", "name", "versions"),
    [
        ("cuda", None, {}),
        ("rocm", "AMD Instinct MI300X (rocm)", {"rocm": "7.0.51831"}),
        ("mps", "Apple M2 (mps)", {"mps": "macOS 15.5"}),
    ],
)
def test_each_back_end_has_a_name_and_a_version_for_records(gpu, kind, name, versions):
    gpu(kind)
    assert pytorch.has_gpu()
    assert accelerator.require("float32") == kind
    assert accelerator.name(kind) == name
    assert accelerator.versions() == versions
    assert versions.items() <= pytorch.versions().items()


@pytest.mark.parametrize(
    ("kind", "precision", "message"),
    [
        (None, "float32", "finds no usable CUDA device on this machine, and no other"),
        ("xpu", "float32", "back end to be one of cuda, rocm, mps, found xpu; choose device: cpu"),
        ("mps", "tf32", "precision tf32: expected float32 with PyTorch's back end mps"),
        ("mps", "bfloat16", "precision bfloat16: expected float32 with PyTorch's back end mps"),
        ("mps", "float64", "precision float64: expected float32 with PyTorch's back end mps"),
        ("rocm", "tf32", "precision tf32: expected float32 or float64 with PyTorch's back end rocm"),
    ],
)
@pytest.mark.parametrize("module", [pytorch, pytorch_fused, pytorch_plain])
def test_what_a_back_end_cannot_do_is_refused_by_its_name_in_one_line(gpu, module, kind, precision, message):
    gpu(kind)
    with pytest.raises(MachineError, match=message) as caught:
        module.Learner(comparison.LANGUAGE_MODEL, "gpu", 0, precision)
    assert "\n" not in str(caught.value)


def test_an_unknown_back_end_is_no_gpu_and_its_certificate_says_why(gpu):
    gpu("xpu")
    assert not pytorch.has_gpu()
    (row,) = certify("pytorch", "gpu", 1).to_dict("records")
    assert "found xpu" in row["failure"]


@pytest.mark.parametrize("kind", ["mps", "rocm"])
def test_auto_takes_no_gpu_but_nvidia_s(gpu, kind, monkeypatch):
    gpu(kind)
    monkeypatch.setattr(device, "gpu_names", lambda: [])
    assert device.resolve_device("auto") == "cpu"
    assert device.resolve_device("gpu") == "gpu"


@pytest.mark.parametrize("way", ["", "rocm", "mps"])
@pytest.mark.parametrize("module", [pytorch, pytorch_fused, pytorch_plain])
def test_each_back_end_has_a_path_of_its_own_to_prove(module, way):
    path, *proofs = kernels.stated(module.EXPECTED_KERNELS, "gpu", way)
    assert {"": "cuDNN", "rocm": "MIOpen", "mps": "Metal"}[way] in path
    for proof in proofs:
        assert hasattr(torch.ops.aten, proof), "PyTorch has no such operation"


@pytest.mark.parametrize("place", sorted({*accelerator.BACK_ENDS.values()}))
def test_pytorch_has_what_a_learner_calls_for_each_kind_of_device(place):
    module = torch.get_device_module(place)
    assert {"synchronize", "get_rng_state", "set_rng_state"} <= {*dir(module)}
    assert module is getattr(torch, place)


def test_a_record_names_the_gpu_that_only_the_framework_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "gpu_names", lambda: [])
    case = make_case(tmp_path, monkeypatch, Text, hidden_size=8)
    monkeypatch.setattr(reference.Learner, "gpu", "Apple M2 (mps)")
    request = make_request(case)
    output = tmp_path / "run.json"
    arguments = {
        "--data": request.data, "--preset": request.preset_file, "--weights": request.weights_file,
        "--implementation": "reference", "--device": "cpu", "--threads": 1, "--seed": 1,
        "--checkpoints": tmp_path / "checkpoints", "--output": output,
    }  # fmt: skip
    run_command("train", [str(word) for pair in arguments.items() for word in pair])
    assert json.loads(output.read_text(encoding="utf-8"))["machine"]["gpu"] == "Apple M2 (mps)"

"""What processors are called, on the outputs of real machines (``processors.yaml`` names the source of each)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import yaml

from lstmbench.system import processor

REAL = yaml.safe_load(Path(__file__).with_name("processors.yaml").read_text(encoding="utf-8"))


def named(entry):
    if "sysctl" in entry:
        return processor.from_sysctl(entry["sysctl"])
    return processor.from_linux(entry.get("cpuinfo", ""), entry.get("lscpu", ""))


@pytest.mark.parametrize("entry", REAL, ids=lambda entry: entry["machine"])
def test_a_real_processor_has_its_name_and_its_features(entry):
    assert named(entry)[:2] == (entry["name"], entry["capability"])


def test_every_output_names_its_source():
    assert all(entry["source"].startswith("https://") for entry in REAL)


def test_no_two_kinds_of_processor_are_taken_for_one():
    known = [named(entry) for entry in REAL]
    same = [pair for pair in itertools.combinations(known, 2) if pair[0] == pair[1] and pair[0].name]
    assert not same


def test_features_that_only_some_of_the_cores_have_are_none_of_the_processor():
    both = "processor: 0\nFeatures : asimd sve\nCPU implementer: 0x41\nCPU part: 0x1\n"
    both += "\nprocessor: 1\nFeatures : asimd\nCPU implementer: 0x41\nCPU part: 0x2\n"
    assert processor.from_linux(both, "").capability == "asimd"


@pytest.mark.parametrize(
    "broken", ["", "lscpu: invalid option -- 'J'", "[]", '{"lscpu": 7}', '{"lscpu": [{"field": 3}]}']
)
def test_an_lscpu_that_says_nothing_of_use_leaves_the_processor_unknown(broken):
    assert processor.from_linux("", broken) == (None, None, None)


def test_lscpu_is_asked_in_english_whatever_the_user_speaks(monkeypatch, tmp_path):
    tool = tmp_path / "lscpu"
    answer = {"lscpu": [{"field": "Model name:", "data": "Neoverse-V1"}]}
    tool.write_text(f'#!/bin/sh\n[ "$LC_ALL" = C ] && [ "$1" = -J ] && echo \'{json.dumps(answer)}\'\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(processor.platform, "system", lambda: "Linux")
    assert processor.processor().name == "Neoverse-V1"


def test_a_tool_that_hangs_does_not_hang_us(monkeypatch, tmp_path):
    tool = tmp_path / "lscpu"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(processor, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(processor.platform, "system", lambda: "Linux")
    assert processor.processor() == (None, None, None)


@pytest.mark.parametrize(
    ("flags", "how"),
    [
        ("avx512f avx512_bf16 amx_bf16 amx_tile", "amx"), ("avx512f avx512_bf16", "avx512"), ("avx512f", None),
        ("avx2 avx_vnni", None),
    ],
)  # fmt: skip
def test_the_instructions_for_bfloat16_are_told_the_faster_first(flags, how):
    cpuinfo = f"processor : 0\nmodel name : Example CPU\nflags : fpu {flags}\n"
    assert processor.from_linux(cpuinfo, "") == ("Example CPU", "avx512f" if "avx512f" in flags else "avx2", how)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("AMD EPYC", "AMD EPYC (family 26, model 2)"),
        ("Intel Xeon Processor (Skylake, IBRS)", "Intel Xeon Processor (Skylake, IBRS) (family 26, model 2)"),
        ("AMD EPYC 9B14", "AMD EPYC 9B14"),
    ],
)
def test_a_name_that_stands_for_many_processors_gets_family_and_model(name, shown):
    cpuinfo = f"processor : 0\ncpu family : 26\nmodel : 2\nmodel name : {name}\nflags : fpu\n"
    assert processor.from_linux(cpuinfo, "").name == shown


@pytest.mark.parametrize(
    ("cpuinfo", "maker"),
    [
        ("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n", "GenuineIntel"),
        ("processor\t: 0\nCPU implementer\t: 0x41\n", None),
        (None, None),
    ],
    ids=["x86", "ARM", "another system"],
)
def test_the_maker_is_the_one_that_the_cpu_names(monkeypatch, tmp_path, cpuinfo, maker):
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo, encoding="utf-8")
    monkeypatch.setattr(processor, "CPUINFO", path)
    assert processor.vendor() == maker

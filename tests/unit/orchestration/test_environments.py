"""An environment has the tools and what the configuration asks of pip, or is a Python that is there; or it says why."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import yaml

from lstmbench import implementations
from lstmbench.implementations import framework
from lstmbench.orchestration import environments
from lstmbench.orchestration.dependencies import training_hash
from lstmbench.orchestration.environments import build, failure_file, installed, interpreter, tools, words
from lstmbench.orchestration.failed_runs import last_failure
from lstmbench.utils.errors import Interrupted, MachineError, UsageError
from lstmbench.utils.paths import ROOT
from tests.factories.wheels import no_tools, wheel, with_the_pip_at_hand
from tests.helpers.run_command import run_command

TOOLS = ROOT / "envs/tools.yaml"
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


BACKEND = """\
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "tiny-3.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        archive.writestr("tiny.py", "version = '3.0'\\n")
        archive.writestr("tiny-3.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 3.0\\n")
        archive.writestr("tiny-3.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        archive.writestr("tiny-3.0.dist-info/RECORD", "")
    return name

build_editable = build_wheel
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def nothing_else(tmp_path):
    """An environment is made in seconds, without a network."""
    return no_tools(tmp_path)


Done = subprocess.CompletedProcess


def install(description, folder: Path, tools: Path = TOOLS) -> str:
    """Run the verb; what it writes as ``installed.txt``."""
    run_command(
        "environment", ["--description", json.dumps(description), "--tools", str(tools), "--folder", str(folder)]
    )
    return (folder / "installed.txt").read_text(encoding="utf-8")


def output(folder: Path, *words: str) -> Done[str]:
    return subprocess.run([folder / "bin/python", *words], capture_output=True, text=True, check=False)


def test_the_tools_are_those_of_envs_tools_yaml():
    assert tools(TOOLS) == yaml.safe_load(TOOLS.read_text())["dependencies"][-1]["pip"]


def test_options_may_stand_with_their_value_or_before_it_and_a_requirement_is_one_word():
    assert words(["--index-url https://here/simple", "-e './my pkg'", "--pre", "--find-links", "wheels"]) == [
        "--index-url", "https://here/simple", "-e", "./my pkg", "--pre", "--find-links", "wheels"
    ]  # fmt: skip
    for line in ("torch >= 2; python_version < '4'", "./a b.whl", "git+file:///home/a b/pkg", "tiny @ file:///a/b.whl"):
        assert words([line]) == [line]
    with pytest.raises(MachineError, match="No closing quotation"):
        words(["-e './my pkg"])


def test_the_words_of_the_configuration_reach_pip_after_the_tools_and_apart_from_them(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(environments.venv, "create", lambda *words, **options: None)
    monkeypatch.setattr(environments, "_install", lambda python, *words: calls.append(words))
    monkeypatch.setattr(environments.subprocess, "run", lambda *words, **options: Done([], 0, "tiny==1.0"))
    build(tmp_path, ["numpy==2.4.6"], ["--pre", "--index-url https://here", "NumPy<2"])
    assert calls == [("numpy==2.4.6",), ("--pre", "--index-url", "https://here", "NumPy<2")]


@pytest.mark.parametrize(
    "description", [["--no-such-option"], ["torch=2.12"], ["./missing.whl"], ["-e './my pkg"]], ids=str
)
def test_what_pip_cannot_install_is_a_python_that_says_why(tmp_path, nothing_else, description, monkeypatch):
    monkeypatch.setattr(environments.venv, "create", with_the_pip_at_hand)
    folder = tmp_path / "environments/odd"
    before = install(description, folder, nothing_else)
    process = output(folder, "-m", "lstmbench", "train")
    assert process.returncode == MachineError.exit_code
    assert re.fullmatch(r"error: E4-MACHINE: environment odd: .*\n", process.stderr)
    first = last_failure(failure_file(folder))
    assert first
    monkeypatch.setattr(environments, "utc_now", lambda: "2026-01-02T03:04:05+00:00")
    assert install(description, folder, nothing_else) == before  # so that nothing is measured again
    assert first != last_failure(failure_file(folder))


def test_a_python_that_is_there_already_is_used_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my env").symlink_to(Path(sys.prefix))
    folder = Path("environments/mine")
    listed = install({"python": f"my env/bin/{Path(sys.executable).name}"}, folder)
    assert f"numpy=={numpy.__version__}\n" in listed
    assert output(folder, "-c", "import sys; print(sys.prefix, sys.argv[1:])", "a b", "$c").stdout == (
        f"{tmp_path / 'my env'} ['a b', '$c']\n"
    )
    assert not failure_file(folder).exists()


@pytest.mark.parametrize(
    ("python", "why"),
    [
        ("nowhere/bin/python", "expected a Python at nowhere/bin/python, found none"),
        ("data.txt", "expected a Python at data.txt, found a file that cannot be executed"),
        (".", "expected a Python at ., found a folder"),
        ("bare", "it cannot run lstm-bench: ModuleNotFoundError: No module named '"),
        ("old", "it cannot run lstm-bench: Python 3.11 or later is needed, found 3.8.1"),
        ("other", "it cannot run lstm-bench: "),
    ],
)
def test_a_python_that_cannot_be_used_is_one_that_says_why(tmp_path, monkeypatch, python, why):
    monkeypatch.chdir(tmp_path)
    Path("data.txt").touch()
    scripts = {
        "bare": f'exec {sys.executable} -S -c "$2"',
        "old": f'exec {sys.executable} -c "import sys; sys.version_info = (3, 8, 1); $2"',
        "other": "exit 3",
    }
    for name, line in scripts.items():
        Path(name).write_text(f"#!/bin/sh\n{line}\n")
        Path(name).chmod(0o755)
    folder = Path("environments/mine")
    install({"python": python}, folder)
    assert f"error: E4-MACHINE: environment mine: {why}" in output(folder, "-m", "lstmbench", "sample").stderr


@pytest.fixture
def usable(tmp_path, nothing_else, monkeypatch):
    """An environment that works; what it was asked for cannot be built a second time."""
    script = f'exec {sys.executable} "$@"'
    monkeypatch.setattr(environments.venv, "create", lambda folder, **_: environments._write_python(folder, script))
    monkeypatch.setattr(environments, "_install", lambda python, *words: None)
    folder = tmp_path / "environments/good"
    listed = install(["tiny"], folder, nothing_else)
    (folder / "installed.txt").unlink()  # as Snakemake does before it starts a job

    def fail(python, *words):
        raise MachineError("no network")

    monkeypatch.setattr(environments, "_install", fail)
    return folder, listed


def test_a_failed_rebuild_leaves_the_environment_and_its_list_and_is_noted(usable, nothing_else, capfd):
    folder, listed = usable
    assert install(["tiny"], folder, nothing_else) == listed
    assert output(folder, "-c", "print(1)").stdout == "1\n"
    assert last_failure(failure_file(folder))
    assert "error: E4-MACHINE: environment good: no network" in capfd.readouterr().err.splitlines()
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["good"]


def test_other_words_that_fail_keep_what_ran_and_refuse_what_is_new(usable, nothing_else):
    folder, listed = usable
    for _ in range(2):
        assert install(["tiny>=2"], folder, nothing_else) == listed
        assert "environment good: no network" in output(folder, "-m", "lstmbench", "train").stderr


def test_an_interrupted_rebuild_loses_no_environment(usable, nothing_else, monkeypatch):
    folder, listed = usable

    def interrupt(python, *words):
        raise Interrupted("pip was ended by signal 15")

    for _ in range(2):
        with monkeypatch.context() as during:
            during.setattr(environments, "_install", interrupt)
            with pytest.raises(Interrupted):
                install(["tiny"], folder, nothing_else)
    assert install(["tiny"], folder, nothing_else) == listed
    assert output(folder, "-c", "print(1)").stdout == "1\n"


def test_a_python_that_is_gone_keeps_what_ran_and_refuses_what_is_new(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").symlink_to(Path(sys.prefix))
    description = {"python": f"mine/bin/{Path(sys.executable).name}"}
    folder = Path("environments/mine")
    listed = install(description, folder)
    Path("mine").unlink()
    for _ in range(2):
        (folder / "installed.txt").unlink()
        assert install(description, folder) == listed
        assert "expected a Python at mine/bin/" in output(folder, "-m", "lstmbench", "train").stderr


def test_an_installation_that_a_signal_ended_has_not_failed(tmp_path, nothing_else, monkeypatch):
    def create(folder, **options):
        with_the_pip_at_hand(folder)
        (folder / "bin/python").unlink()
        (folder / "bin/python").write_text("#!/bin/sh\nkill -TERM $$\n")
        (folder / "bin/python").chmod(0o755)

    monkeypatch.setattr(environments.venv, "create", create)
    with pytest.raises(Interrupted, match="pip was ended by signal 15"):
        install(["tiny"], tmp_path / "environment", nothing_else)
    assert not failure_file(tmp_path / "environment").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "description",
    [
        ["tiny @ file://{here}/tiny-1.0-py3-none-any.whl"],
        ["./tiny-1.0-py3-none-any.whl"],
        ["--no-index", "--find-links", "wheels", "tiny<2; python_version > '3'"],
        ["--no-index --find-links=wheels", "--pre", "tiny>2"],
        ["-e './a package'"],
        ["git+file://{here}/a package"],
        ["-r my.txt"],
    ],
    ids=str,
)
def test_requirements_are_taken_as_pip_takes_them(tmp_path, nothing_else, monkeypatch, description):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.chdir(tmp_path)
    Path("wheels").mkdir()
    for version in ("1.0", "3.0rc1"):
        wheel(Path("wheels"), version)
    shutil.copy("wheels/tiny-1.0-py3-none-any.whl", ".")
    Path("my.txt").write_text("--find-links wheels\ntiny==1.0\n")
    package = Path("a package")
    package.mkdir()
    (package / "pyproject.toml").write_text(PROJECT)
    (package / "backend.py").write_text(BACKEND)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *arguments], cwd=package, check=True)
    listed = build(Path("environment"), [], [line.format(here=tmp_path) for line in description])
    assert "tiny" in listed
    assert output(Path("environment"), "-c", "import tiny").returncode == 0


def test_an_environment_has_its_own_versions_and_a_second_building_replaces_them(tmp_path):
    folder = tmp_path / "environment"
    for version in ("1.0", "2.0"):
        assert "tiny" in build(folder, [], [str(wheel(tmp_path, version))])
        command = [folder / "bin/python", "-c", "import tiny; print(tiny.version)"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == f"{version}\n"

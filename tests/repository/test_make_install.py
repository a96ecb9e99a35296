"""``make install`` with a Python that only notes what it is asked to do: which build, and when?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lstmbench.utils.paths import ROOT
from tests.factories.wheels import wheel

# Makes an environment as venv and pip do, as far as make looks at it.
PYTHON = """\
#!/bin/sh
here=$(dirname "$0")/..
echo "$PIP_NO_INDEX $PIP_FIND_LINKS $*" >> asked
case "$*" in
*"pip download"*) mkdir house; echo download >> calls;;
*"-m venv"*)
  for folder; do :; done
  case "$*" in *--clear*) rm -rf "$folder";; esac
  mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" && echo venv >> calls;;
*requirements-gpu.txt) mkdir -p "$here/lib/python3.11/site-packages/tensorflow-2.21.0.dist-info"; echo gpu >> calls;;
*locked.txt) echo hashes >> hashed;;
*requirements.txt) mkdir -p "$here/lib/python3.11/site-packages/$TENSORFLOW-2.21.0.dist-info"; echo cpu >> calls;;
*requirements-jax.txt) echo jax >> calls;;
*requirements-dev.txt) echo dev >> calls;;
*requirements-cluster.txt) echo cluster >> calls;;
*--editable*) touch "$here/bin/lstm-bench";;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


class Checkout:
    """A folder with the Makefile, in which ``make`` is called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copy(ROOT / "Makefile", root)
        shutil.copytree(ROOT / "envs", root / "envs")
        self.python = root / "python-for-tests"
        self.python.write_text(PYTHON, encoding="utf-8")
        self.python.chmod(0o755)

    def make(self, *arguments: str, system: str = "Linux-x86_64") -> list[str]:
        """Call make on a system, and return what it asked of Python, in order."""
        (self.root / "calls").write_text("")
        ours = ("MAKE", "GPU", "CPU", "JAX", "PIP_", "WHEELHOUSE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment["TENSORFLOW"] = "tensorflow_cpu" if system == "Linux-x86_64" else "tensorflow"
        done = subprocess.run(
            ["make", f"PYTHON={self.python}", f"SYSTEM={system}", *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return (self.root / "calls").read_text().split()

    @property
    def asked(self) -> list[str]:
        """What Python was asked to do, each with pip's settings before it."""
        return [line.strip() for line in (self.root / "asked").read_text(encoding="utf-8").splitlines()]

    @property
    def packages(self) -> list[str]:
        """The builds of TensorFlow in the environment."""
        folder = self.root / ".venv/lib/python3.11/site-packages"
        return sorted(path.name.partition("-")[0] for path in folder.glob("tensorflow*"))


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_the_cpu_build_is_installed_once_unless_another_is_asked_for(checkout):
    assert checkout.make("install") == ["venv", "cpu"]
    assert checkout.make("install") == []
    assert checkout.make("CPU=1", "install") == []
    assert checkout.packages == ["tensorflow_cpu"]


@pytest.mark.parametrize("arguments", [["CPU=1"], ["GPU="], ["GPU=0"]])
def test_each_build_takes_the_place_of_the_other_when_it_is_asked_for(checkout, arguments):
    checkout.make("install-dev")
    assert checkout.make("GPU=1", "install-dev") == ["venv", "gpu", "jax", "dev"]
    assert checkout.packages == ["tensorflow"]
    assert checkout.make("GPU=1", "install") == []
    assert checkout.make(*arguments, "install-dev") == ["venv", "cpu", "jax", "dev"]
    assert checkout.packages == ["tensorflow_cpu"]


def test_a_plain_make_keeps_the_gpu_build_also_when_the_requirements_change(checkout):
    checkout.make("GPU=1", "install")
    assert checkout.make("install") == []
    later = (checkout.root / ".venv/.installed").stat().st_mtime + 10
    os.utime(checkout.root / "envs/constraints.txt", (later, later))
    assert checkout.make("install")[-1] == "gpu"
    assert checkout.packages == ["tensorflow"]


def test_jax_is_installed_once_it_was_asked_for_and_kept_with_either_build(checkout):
    assert checkout.make("JAX=0", "install") == ["venv", "cpu"]
    assert checkout.make("JAX=1", "install") == ["jax"]
    assert checkout.make("install") == []
    assert checkout.make("GPU=1", "install") == ["venv", "gpu", "jax"]


def test_the_tests_have_jax(checkout):
    assert checkout.make("install-dev") == ["venv", "cpu", "jax", "dev"]
    assert checkout.make("install-dev") == []


def test_the_plugin_of_a_cluster_is_installed_once_for_its_tests_alone(checkout):
    assert checkout.make("install-dev") == ["venv", "cpu", "jax", "dev"]
    assert checkout.make("test-cluster") == ["cluster"]
    assert checkout.make("test-cluster") == []


def test_a_build_that_is_not_the_one_that_was_noted_is_mended(checkout):
    checkout.make("GPU=1", "install")
    # As pip does when somebody installs it by hand: both lie in one folder then.
    (checkout.root / ".venv/lib/python3.11/site-packages/tensorflow_cpu-2.21.0.dist-info").mkdir()
    assert checkout.make("install") == ["venv", "gpu"]
    assert checkout.packages == ["tensorflow"]


@pytest.mark.parametrize(("build", "other"), [("GPU=1", "CPU=1"), ("CPU=1", "GPU=1")])
def test_an_environment_of_an_earlier_version_is_known_by_its_packages(checkout, build, other):
    checkout.make(build, "install")
    (checkout.root / ".venv/.installed").write_text("")
    assert checkout.make("install") == checkout.make(build, "install") == []
    assert checkout.make(other, "install") == ["venv", other[:3].lower()]


def test_an_installation_that_was_cut_off_is_not_taken_for_whole(checkout):
    checkout.make("install")
    (checkout.root / ".venv/.installed").unlink()
    assert checkout.make("install")[-1] == "cpu"
    assert checkout.make("install") == []


@pytest.mark.parametrize("system", ["Darwin-arm64", "Linux-aarch64"])
def test_where_both_builds_have_one_name_the_one_for_cpus_is_installed_once_and_without_foreign_hashes(
    checkout, system
):
    assert checkout.make("install", system=system) == ["venv", "cpu"]
    assert checkout.make("install", system=system) == []
    assert checkout.packages == ["tensorflow"]
    assert not (checkout.root / "hashed").exists()


def test_hashes_are_checked_where_they_are_of_what_is_installed(checkout):
    checkout.make("install")
    assert (checkout.root / "hashed").exists()


def test_a_build_for_cuda_is_refused_on_a_mac_in_one_line(checkout):
    with pytest.raises(AssertionError, match=r"GPU=1 is for NVIDIA GPUs"):
        checkout.make("GPU=1", "install", system="Darwin-arm64")
    assert not (checkout.root / ".venv").exists()


def test_a_wheelhouse_is_filled_from_the_index_with_what_the_installation_needs_and_builds_with(checkout):
    assert checkout.make("WHEELHOUSE=house", "wheelhouse") == ["download"]
    (asked,) = [line for line in checkout.asked if "pip download" in line]
    assert asked.split()[:7] == ["-m", "pip", "download", "--dest", "house", "-r", "envs/requirements.txt"]
    assert asked.split()[-3:] == ["pip", "setuptools>=77", "wheel"]


@pytest.mark.parametrize("name", ["house", "my own house", "50% of #1?"])
def test_with_a_wheelhouse_no_call_of_pip_asks_an_index_whatever_its_folder_is_called(checkout, name):
    house = checkout.root / name
    house.mkdir()
    (house / "numpy-2.4.6-py3-none-any.whl").touch()
    assert checkout.make(f"WHEELHOUSE={name}", "install") == ["venv", "cpu"]
    calls = [line for line in checkout.asked if " pip " in line]
    assert len(calls) >= 4
    assert all(line.startswith(f"1 {house.as_uri()} ") for line in calls)


def test_a_wheelhouse_in_the_home_folder_is_found_by_its_tilde(checkout, monkeypatch):
    monkeypatch.setenv("HOME", str(checkout.root))
    (checkout.root / "my house").mkdir()
    (checkout.root / "my house/numpy-2.4.6-py3-none-any.whl").touch()
    assert checkout.make("WHEELHOUSE=~/my house", "install") == ["venv", "cpu"]


def test_pip_finds_what_is_in_a_wheelhouse_whose_folder_has_a_space(tmp_path):
    house = tmp_path / "my own house"
    wheel(house, "1.0", "marker")
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": house.as_uri()}
    words = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(tmp_path / "found"),
        "marker",
    ]
    subprocess.run(words, env=environment, check=True)
    assert [path.name.partition("-")[0] for path in (tmp_path / "found").iterdir()] == ["marker"]


@pytest.mark.parametrize("word", ["GPU=yes", "CPU=2", "JAX=1 GPU=1", "GPU=1 JAX=1", "GPU=1 0"])
def test_a_build_that_is_neither_asked_for_nor_not_is_refused_in_one_line(checkout, word):
    name, _, value = word.partition("=")
    with pytest.raises(AssertionError, match=f"{name}={value}: expected 1, 0 or nothing"):
        checkout.make(word, "install")
    assert not (checkout.root / ".venv").exists()


def test_an_environment_in_a_folder_with_a_space_is_refused_in_one_line(checkout):
    with pytest.raises(AssertionError, match=r"VENV=my env: expected a folder whose path holds no space"):
        checkout.make("VENV=my env", "install")


def test_a_check_of_no_run_is_refused_in_one_line_that_says_what_to_give(checkout):
    with pytest.raises(AssertionError, match=r"verify: expected the record of a run .*make verify RUN=results/runs/"):
        checkout.make("verify")
    assert not (checkout.root / ".venv").exists()


def test_a_wheelhouse_that_is_not_there_is_refused_in_one_line(checkout):
    with pytest.raises(AssertionError, match=r"house: expected the folder of .make wheelhouse., found no file"):
        checkout.make("WHEELHOUSE=house", "install")
    assert not (checkout.root / ".venv").exists()

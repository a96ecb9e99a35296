"""The versions that an index offers are listed in order, and the first slow one is found with few builds."""

from __future__ import annotations

import contextlib
import math
import sys
import sysconfig

import pytest

from lstmbench.commands import bisect
from lstmbench.orchestration import environments, versions
from lstmbench.orchestration.environments import words
from lstmbench.orchestration.versions import Pinned, builds, disk_line, installed_bytes, offered_between
from lstmbench.statistics import bisection
from lstmbench.utils.errors import MachineError, NetworkError, ResourceError, UsageError, VerdictError
from tests.factories.wheels import no_tools, wheel, with_the_pip_at_hand
from tests.helpers.run_command import run_command

OFFERED = ["0.9.0", "1.0.0", "1.1.0", "1.2.0", "1.3.0rc1", "1.3.0", "1.9.0", "1.10.0", "1.11.0"]
SLOW_FROM = "1.9.0"

HOOK = """\
import importlib.abc, importlib.util, sys, time

class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "lstmbench.implementations.reference":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            train = module.Learner.train_block

            def train_block(self, data, batches, *rest):
                time.sleep(SECONDS * len(batches))
                return train(self, data, batches, *rest)

            module.Learner.train_block = train_block

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Hook())
"""
"""Makes the reference sleep in every training step, in whatever Python the wheel is installed."""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """pip's options for a folder of tiny wheels; of SLOW_FROM and later ones each step sleeps."""
    monkeypatch.setattr(environments.venv, "create", with_the_pip_at_hand)
    for version in OFFERED:
        slow = OFFERED.index(version) >= OFFERED.index(SLOW_FROM)
        hook = {"tiny.pth": "import tiny_hook\n", "tiny_hook.py": HOOK.replace("SECONDS", "0.05" if slow else "0.0")}
        wheel(tmp_path / "wheels", version, files={"tiny.py": f"rate = {0.5 if slow else 1.0}\n", **hook})
    return f"--no-index --find-links {tmp_path / 'wheels'}"


def between(first: str, second: str, options: str) -> list[str]:
    return offered_between(Pinned.parse(first), Pinned.parse(second), words([options]))


def test_versions_between_two_are_listed_in_their_order_without_pre_releases(index):
    assert between("tiny==1.0.0", "tiny==1.10.0", index) == ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.9.0", "1.10.0"]
    assert between("tiny==1.9", "tiny==1.2", index) == ["1.9.0", "1.3.0", "1.2.0"]
    assert between("tiny==1.2.0", "tiny==1.3.0rc1", index) == ["1.2.0", "1.3.0rc1"]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("tiny==1.0.0", "torch==1.1.0", "expected two versions of one package, found tiny and torch"),
        ("tiny==1.0.0", "tiny==1.0", "expected two versions, found tiny==1.0.0 twice"),
        ("tiny==1.0.0", "tiny==7", "tiny==7: the index has no such version for this Python; it has 0.9.0, 1.0.0, "),
        ("tiny>=1.0.0", "tiny==1.2.0", "'tiny>=1.0.0': expected one version, as in torch==2.13.0"),
        ("tiny==1.*", "tiny==1.2.0", "expected one version"),
        ("tiny=1", "tiny==1.2.0", "'tiny=1': expected a version as in torch==2.13.0"),
    ],
)
def test_ends_that_are_no_two_versions_are_refused(index, first, second, why):
    with pytest.raises(UsageError, match=why.replace("*", r"\*")):
        between(first, second, index)


def test_of_several_builds_of_a_version_that_of_the_first_end_counts(index, tmp_path):
    for version in ("1.2.0+cpu", "1.9.0+cpu", "1.12.0+cpu"):
        wheel(tmp_path / "wheels", version)
    assert between("tiny==1.2.0", "tiny==1.9.0", index) == ["1.2.0", "1.3.0", "1.9.0"]
    assert between("tiny==1.2.0+cpu", "tiny==1.9.0", index) == ["1.2.0+cpu", "1.9.0+cpu"]
    assert between("tiny==1.11.0", "tiny==1.12.0", index) == ["1.11.0", "1.12.0+cpu"]  # there is no other


def test_an_index_without_the_package_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NetworkError, match="tiny: pip cannot list its versions: "):
        between("tiny==1", "tiny==2", f"--no-index --find-links {tmp_path / 'empty'}")


def test_the_requirement_of_another_version_keeps_the_extras():
    assert Pinned.parse("tensorflow[and-cuda]==2.21.0").named("2.20.0") == "tensorflow[and-cuda]===2.20.0"


def test_the_disk_is_said_before_anything_is_built_and_refused_if_it_is_not_there(tmp_path, monkeypatch):
    assert installed_bytes(["numpy"]) > 10_000_000
    assert installed_bytes(["no-such-package", "numpy"]) is None
    line = disk_line(tmp_path / "a/b", "numpy", ["msgspec==0.22.0"], 33)
    assert line.startswith(
        "33 versions: at most 7 environments are built, and two are kept at a time. One takes about "
    )
    assert "no-such-package is not installed here" in disk_line(tmp_path, "no-such-package", [], 3)
    monkeypatch.setattr(versions, "installed_bytes", lambda names: 10**15)
    with pytest.raises(ResourceError, match="two environments of about 1000000"):
        disk_line(tmp_path, "numpy", [], 33)


def read_rates(commands, rounds, log, blocks=10):
    """Ratios of the speeds that the wheels of two environments state, in place of a measurement."""
    rates = []
    for name in ("first", "second"):
        python = commands[name][2]
        done = versions.subprocess.run([python, "-c", "import tiny; print(tiny.rate)"], capture_output=True, text=True)
        rates.append(float(done.stdout))
    return [rates[1] / rates[0]] * rounds


def arguments(tmp_path, index: str, *ends: str) -> list[str]:
    return [
        "--between", *(ends or ("tiny==1.0.0", "tiny==1.11.0")), "--dataset", "glyphs", "--implementation", "reference",
        f"--pip={index}", "--tools", str(no_tools(tmp_path)), "--data", str(tmp_path / "data"),
        "--folder", str(tmp_path / "bisect"),
    ]  # fmt: skip


def test_the_first_slow_version_of_a_local_index_is_named_after_log2_builds(tmp_path, index, monkeypatch, capsys):
    monkeypatch.setattr(environments, "try_python", lambda python: None)
    monkeypatch.setattr(bisect, "ratios", read_rates)
    run_command("bisect", arguments(tmp_path, index))
    printed = capsys.readouterr()
    said = (
        "1.9.0 is the first that is slower: 0.500 times as fast as 1.0.0 (95 % interval 0.500 to 0.500); 1.3.0 is not"
    )
    assert said in printed.out.splitlines()
    assert "tiny-1.9.0" not in printed.out
    assert "Successfully installed tiny-1.9.0" in (tmp_path / "bisect/logs/1.9.0.log").read_text(encoding="utf-8")
    built = [line for line in printed.err.splitlines() if line.startswith("building an environment with ")]
    assert len(built) <= builds(7) == 2 + math.ceil(math.log2(6))
    assert printed.err.startswith(
        "7 versions: at most 5 environments are built, and two are kept at a time. tiny is not "
    )
    assert [*(tmp_path / "bisect/environments").iterdir()] == []
    assert (tmp_path / "bisect/bisect.csv").exists()


def test_a_version_that_cannot_be_installed_is_passed_over(tmp_path, index, monkeypatch, capsys):
    monkeypatch.setattr(environments, "try_python", lambda python: None)
    monkeypatch.setattr(bisect, "ratios", read_rates)
    (tmp_path / "wheels/tiny-1.3.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(MachineError, match="expected one version to be named"):
        run_command("bisect", arguments(tmp_path, index, "tiny==1.2.0", "tiny==1.9.0"))
    printed = capsys.readouterr().out
    assert "one of 1.3.0 to 1.9.0 is the first that is slower" in printed
    assert "  1.3.0: failed: " in printed


def test_an_implementation_is_found_by_the_package_or_asked_for(tmp_path, index):
    words = arguments(tmp_path, index)
    del words[words.index("--implementation") : words.index("--implementation") + 2]
    with pytest.raises(UsageError, match="tiny: expected --implementation, as no implementation is called so"):
        run_command("bisect", words)


@pytest.mark.parametrize(
    ("found", "error", "why"),
    [
        ([0.8] * 40, VerdictError, "is the first that is slower: 0.800 times as fast"),
        ([1.0] * 40, None, "has not lost 5 % against"),
        ([0.6, 1.4] * 20, MachineError, "not certain whether"),
    ],
)
def test_two_pythons_are_judged_by_the_exit_code(tmp_path, index, monkeypatch, capsys, found, error, why):
    monkeypatch.setattr(bisect, "try_python", lambda python: None)
    monkeypatch.setattr(bisect, "ratios", lambda commands, rounds, log: found[:rounds])
    (tmp_path / "good").symlink_to(sys.executable)
    words = arguments(tmp_path, index, str(tmp_path / "good"), sys.executable)
    with pytest.raises(error) if error else contextlib.nullcontext() as caught:
        run_command("bisect", words)
    assert why in (str(caught.value) if caught else capsys.readouterr().out)


def _with_the_packages_here(folder, **options) -> None:
    """An environment that finds what is installed here, beside its own packages."""
    with_the_pip_at_hand(folder)
    own = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    own.mkdir(parents=True)
    (own / "here.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n", encoding="utf-8")


@pytest.mark.slow
def test_a_version_that_sleeps_is_found_by_measuring_it_in_turns_with_the_good_one(
    tmp_path, index, monkeypatch, capsys
):
    monkeypatch.setattr(environments.venv, "create", _with_the_packages_here)
    monkeypatch.setattr(bisection, "ROUNDS", (3, 6, 12))  # the difference is large
    run_command("bisect", arguments(tmp_path, index, "tiny==1.2.0", "tiny==1.10.0"))
    assert "1.9.0 is the first that is slower: 0." in capsys.readouterr().out

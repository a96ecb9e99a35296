"""Finding implementations by their files."""

from __future__ import annotations

import sys

import pytest

from lstmbench import implementations
from lstmbench.utils.errors import MachineError, UsageError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose modules count as implementations."""
    monkeypatch.setattr(implementations, "__path__", [*implementations.__path__, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("lstmbench.implementations."):
            del sys.modules[name]


def test_a_file_in_the_folder_is_an_implementation(folder):
    before = implementations.names()
    (folder / "abacus.py").write_text("FRAMEWORK = 'beads'\n")
    assert implementations.names() == ["abacus", *before]
    assert implementations.load("abacus").FRAMEWORK == "beads"


def test_names_are_found_without_an_import(folder):
    (folder / "abacus.py").write_text("raise RuntimeError('imported')\n")
    assert "abacus" in implementations.names()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'referense' \(did you mean reference\?\).*known.*reference"):
        implementations.load("referense")


def test_a_missing_framework_is_named(folder):
    (folder / "abacus.py").write_text("import no_such_beads.wood\n")
    with pytest.raises(MachineError, match=r"implementation abacus .*install no_such_beads \("):
        implementations.load("abacus")


def test_a_mistake_in_our_own_imports_is_not_taken_for_a_missing_framework(folder):
    (folder / "abacus.py").write_text("import lstmbench.no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        implementations.load("abacus")


def test_an_implementation_says_by_one_constant_that_several_workers_can_share_it_and_is_not_imported(folder):
    (folder / "abacus.py").write_text("DISTRIBUTED = True\nraise RuntimeError('imported')\n")
    (folder / "beads.py").write_text("DISTRIBUTED = False\n")
    assert implementations.distributed("abacus")
    assert not implementations.distributed("beads")
    assert not implementations.distributed("reference")

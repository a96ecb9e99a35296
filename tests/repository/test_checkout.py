"""The files of the project as they are handed on: a clone, a zip, a folder on another system."""

from __future__ import annotations

import pytest

from lstmbench.utils.paths import ROOT


@pytest.mark.parametrize("part", ["Snakefile", "config.yaml", "workflow", "envs", "profiles", "tests", "docs"])
def test_no_file_of_the_project_is_a_link(part):
    # A zip, and Git on Windows, unpack a link as a text file.
    path = ROOT / part
    assert path.exists()
    assert [str(one) for one in (path, *path.rglob("*")) if one.is_symlink()] == []

"""make refuses what it cannot work with."""

from __future__ import annotations

import os
import shutil
import subprocess

from lstmbench.utils.paths import ROOT


def test_a_colon_in_the_project_s_path_is_refused_by_make_in_one_line(tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    shutil.copy2(ROOT / "Makefile", folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "demo"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{folder}/.venv: a folder whose path holds a colon" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["Makefile"]

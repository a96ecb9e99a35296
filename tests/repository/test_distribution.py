"""What pytest-xdist runs in one process."""

from __future__ import annotations

from lstmbench.utils.paths import ROOT
from tests.helpers.distribution import SHARED, scope


def test_the_files_that_use_the_shared_workdir_run_in_one_process_and_every_other_file_alone():
    files = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    together = [file for file in files if scope(file) == SHARED]
    names = ("dependencies", "environments", "estimate", "failures", "workflow")
    assert together == [f"tests/workflow/test_{name}.py" for name in names]
    assert all(scope(file) == file for file in files if file not in together)

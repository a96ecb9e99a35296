"""A project folder that was moved: make mends the environment in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lstmbench.utils.paths import ROOT


def make_environment(project: Path) -> Path:
    """Make a project with an environment that says it is installed, and a script in it as pip writes them."""
    project.mkdir()
    shutil.copy(ROOT / "Makefile", project)
    shutil.copytree(ROOT / "envs", project / "envs")
    (project / "workflow").mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    for script in ("hello", "lstm-bench"):
        write_script(project / ".venv/bin" / script, f"#!{project}/.venv/bin/python")
    (packages,) = (project / ".venv/lib").glob("python3*/site-packages")
    (packages / "__editable__.lstm_bench-0.1.0.pth").write_text(f"{project}/workflow\n", encoding="utf-8")
    (project / ".venv/.installed").write_text("cpu\n", encoding="ascii")
    return project / ".venv"


def write_script(path: Path, first: str) -> None:
    path.write_text(f"{first}\nimport sys\n\nprint(sys.prefix)\n", encoding="utf-8")
    path.chmod(0o755)


def make(project: Path) -> str:
    """Run ``make install`` where nothing is to be installed."""
    done = subprocess.run(["make", "install"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install" not in done.stdout
    return done.stdout


def run(*command: str | Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", ["project2", "a project", "p" * 130])
def test_make_mends_an_environment_that_was_moved(tmp_path, name):
    make_environment(tmp_path / "project")
    (tmp_path / "project").rename(tmp_path / name)
    environment = tmp_path / name / ".venv"
    with pytest.raises(FileNotFoundError):
        run(environment / "bin/hello")
    assert f"moved from {tmp_path}/project/.venv" in make(tmp_path / name)
    assert run(environment / "bin/hello") == str(environment)
    assert run("bash", "-c", f'. "{environment}/bin/activate"; echo "$VIRTUAL_ENV"') == str(environment)
    assert run(environment / "bin/python", "-c", "import sys; print(sys.path[-1])") == str(tmp_path / name / "workflow")
    assert "moved" not in make(tmp_path / name)


def test_a_copy_of_a_project_has_an_environment_of_its_own(tmp_path):
    make_environment(tmp_path / "project")
    shutil.copytree(tmp_path / "project", tmp_path / "copy", symlinks=True)
    make(tmp_path / "copy")
    for name in ("project", "copy"):
        assert run(tmp_path / name / ".venv/bin/hello") == str(tmp_path / name / ".venv")


def test_a_script_that_names_the_system_s_python_or_the_same_folder_through_a_link_stays(tmp_path):
    environment = make_environment(tmp_path / "project")
    system = f"#!{Path(sys.base_prefix).resolve()}/bin/python3"
    write_script(environment / "bin/system", system)
    (tmp_path / "link").symlink_to(tmp_path / "project")
    assert "moved" not in make(tmp_path / "link")
    (tmp_path / "project").rename(tmp_path / "project2")
    make(tmp_path / "project2")
    assert (tmp_path / "project2/.venv/bin/system").read_text(encoding="utf-8").startswith(system)

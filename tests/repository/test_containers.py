"""The definitions of containers: sound, alike, and Snakemake's own. Nothing here builds one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lstmbench.utils.paths import ROOT

CONTAINER = ROOT / "envs/container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text(encoding="utf-8")
APPTAINER = (CONTAINER / "apptainer.def").read_text(encoding="utf-8")

# What Snakemake asks of conda before it prints: for which system it would install.
CONDA = """\
#!/bin/sh
case "$*" in
--version) echo "conda 25.3.1";;
*channel_priority*) echo '{"get": {"channel_priority": "strict"}}';;
*) echo '{"platform": "linux-64", "conda_prefix": "/opt/conda", "conda_version": "25.3.1"}';;
esac
"""


def sections(definition: str) -> dict[str, list[str]]:
    """The lines of each section of an Apptainer definition; those of its header under ""."""
    found, name = {"": []}, ""
    for line in definition.splitlines():
        if line.startswith("%"):
            name = line.strip()
            assert name not in found, f"{name} twice"
            found[name] = []
        elif line.strip() and not line.startswith("#"):
            found[name].append(line.strip())
    return found


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its value, continued lines as one."""
    lines = re.sub(r"\\\n\s*", " ", dockerfile).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed: make install-dev")
def test_the_dockerfile_has_no_fault_that_hadolint_knows():
    done = subprocess.run(["hadolint", CONTAINER / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_apptainer_definition_has_sections_that_apptainer_knows_each_with_something_in_it():
    found = sections(APPTAINER)
    known = {"", "%arguments", "%files", "%post", "%environment", "%runscript"}
    assert set(found) == known
    assert all(found.values())
    assert [line.partition(":")[0] for line in found[""]] == ["Bootstrap", "From"]
    used = set(re.findall(r"{{ (\w+) }}", APPTAINER))
    assert used == {line.partition("=")[0] for line in found["%arguments"]}


def test_both_containers_have_one_base_the_same_files_and_start_the_same():
    docker, apptainer = dict(instructions(DOCKERFILE)), sections(APPTAINER)
    assert f"From: {docker['FROM']}" in apptainer[""]
    assert [value for name, value in instructions(DOCKERFILE) if name == "COPY"] == apptainer["%files"]
    assert docker["RUN"].replace("$BUILD", "{{ BUILD }}") == apptainer["%post"][0]
    started = " ".join(yaml.safe_load(docker["ENTRYPOINT"]))
    assert apptainer["%runscript"] == [f'exec {started} "$@"']
    assert apptainer["%environment"] == [f"export {docker['ENV']}"]


def test_what_is_copied_is_there_and_the_script_is_a_script_of_the_shell():
    for name, value in instructions(DOCKERFILE):
        if name == "COPY":
            assert (ROOT / value.split()[0]).exists() or not (ROOT / ".git").exists()
    subprocess.run(["sh", "-n", CONTAINER / "setup.sh"], check=True)
    assert os.access(CONTAINER / "setup.sh", os.X_OK)


@pytest.mark.parametrize(("build", "words"), [("", ""), ("GPU=1", "GPU=1 "), ("GPU=1 JAX=1", "GPU=1 JAX=1 ")])
def test_the_script_gives_make_each_word_of_the_build(tmp_path, build, words):
    (tmp_path / "bin").mkdir()
    for name in ("apt-get", "rm", "git", "make"):
        stub = tmp_path / "bin" / name
        said = f'for word; do echo "$word" >> "{tmp_path}/words"; done\n' if name == "make" else ""
        stub.write_text(f"#!/bin/sh\n{said}", encoding="utf-8")
        stub.chmod(0o755)
    script = (CONTAINER / "setup.sh").read_text(encoding="utf-8").replace("/lstm-bench", str(tmp_path))
    subprocess.run(["/bin/sh", "-c", script, "setup.sh", build], env={"PATH": str(tmp_path / "bin")}, check=True)
    assert (tmp_path / "words").read_text(encoding="utf-8").split() == f"{words}install".split()


@pytest.mark.parametrize("text", [DOCKERFILE, APPTAINER])
def test_each_definition_says_that_it_was_not_built_here(text):
    assert "not built, where this was made" in text.splitlines()[0]


def test_snakemake_prints_a_container_with_every_environment_of_the_workflow(tmp_path):
    (tmp_path / "conda").write_text(CONDA, encoding="utf-8")
    (tmp_path / "conda").chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["snakemake", "--containerize", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path / "work"]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = instructions(done.stdout)
    assert found[0][0] == "FROM"
    copied = {Path(value.split()[0]).name for name, value in found if name == "COPY"}
    used = {"tools.yaml", "measurement.yaml", "pytorch.yaml", "tensorflow.yaml"}
    assert copied == used
    assert found[-1][1].count("conda env create") == len(used)


def test_the_catalogue_of_workflows_finds_what_it_requires():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert any(value is True for value in usage["software-stack-deployment"].values())
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "Snakefile").exists()
    assert list((ROOT / "workflow/rules").glob("*.smk"))

"""The tutorial shows what the modules are, its page and its notebook are the same, and its assertions hold."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbclient
import pytest

from lstmbench.utils.paths import ROOT, WORKFLOW
from tests.repository.tutorial import CUT, FOLDER, FRAMEWORKS, NOTEBOOK, PAGE, as_text, cut, notebook, with_cuts

TEXT = PAGE.read_text(encoding="utf-8")
WRITE = "run: make tutorial"

OLD_NAMES = {
    *("read_words", "build_vocab", "file_to_word_ids", "ptb_raw_data", "batch_producer", "PTBInput"),
    *("lstm_cell", "build_rnn_graph", "PTBModel", "dropout", "clip_by_global_norm", "assign_lr", "run_epoch", "main"),
    *("SmallConfig", "MediumConfig", "LargeConfig", "get_config", "RNN"),
}
"""Functions and classes of the old tutorials, of which some were called from TensorFlow."""


def code_cells() -> list[str]:
    return [cell.source for cell in notebook(TEXT).cells if cell.cell_type == "code"]


def test_the_page_shows_the_functions_as_the_modules_have_them():
    assert with_cuts(TEXT) == TEXT, WRITE


def test_an_edit_of_a_module_that_the_page_lacks_is_noticed():
    shown = cut("implementations/reference.py", "Learner._clip")
    assert shown.startswith("def _clip(")
    edited = TEXT.replace(shown, shown.replace("norm > limit", "norm >= limit"))
    assert edited != TEXT
    assert with_cuts(edited) == TEXT


def test_the_page_shows_every_framework():
    modules = {found["module"].removeprefix("implementations/").removesuffix(".py") for found in CUT.finditer(TEXT)}
    assert FRAMEWORKS.keys() <= modules


def test_the_notebook_is_the_page():
    assert NOTEBOOK.read_text(encoding="utf-8") == as_text(notebook(TEXT)), WRITE


def test_the_notebook_runs_no_code_that_is_cut_from_a_module():
    assert not [source for source in code_cells() if "self.spec.max_grad_norm" in source]


def test_every_function_of_the_old_tutorials_is_here_by_its_name():
    defined = {getattr(node, "name", None) for source in code_cells() for node in ast.parse(source).body}
    assert not OLD_NAMES - defined


@pytest.mark.tutorial
def test_what_the_tutorial_asserts_holds_in_every_framework(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(WORKFLOW))
    ran = nbclient.NotebookClient(notebook(TEXT), timeout=300, kernel_name="python3").execute()
    printed = "".join(output.get("text", "") for cell in ran.cells for output in cell.get("outputs", []))
    assert f"compared: {', '.join(FRAMEWORKS)}\n" in printed


def checked(number: int, file: Path) -> subprocess.CompletedProcess[str]:
    """The command that checks an exercise."""
    command = [sys.executable, "docs/tutorial/check.py", str(number), str(file)]
    environment = {**os.environ, "PYTHONPATH": str(WORKFLOW)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


SLOW = pytest.param(3, "floor.yaml", "above the floor", marks=pytest.mark.tutorial)


@pytest.mark.parametrize(
    ("number", "name", "missing"),
    [
        (1, "gate_order.py", "the new hidden differs from the old cell's"),
        (2, "shared_cell.py", "16,392,600 different parameters, expected 19,775,200"),
        SLOW,
    ],
)
def test_an_exercise_fails_as_it_is_given_and_passes_as_it_is_solved(number, name, missing):
    given = checked(number, FOLDER / "exercises" / name)
    assert given.returncode == 1
    assert missing in given.stderr
    solved = checked(number, FOLDER / "solutions" / name)
    assert (solved.returncode, solved.stdout) == (0, f"exercise {number} passes\n"), solved.stderr


def test_a_model_that_only_has_more_parameters_does_not_pass(tmp_path):
    given = (FOLDER / "exercises/shared_cell.py").read_text(encoding="utf-8")
    padded = given.replace(
        "    def load_weights", "        self.unused = np.zeros(3_382_600)\n\n    def load_weights", 1
    )
    (tmp_path / "padded.py").write_text(padded, encoding="utf-8")
    done = checked(2, tmp_path / "padded.py")
    assert done.returncode == 1
    assert "its logits differ" in done.stderr or "different parameters" in done.stderr


def test_a_faulty_preset_is_refused_in_one_line(tmp_path):
    (tmp_path / "faulty.yaml").write_text("num_layers: 0\n", encoding="utf-8")
    done = checked(3, tmp_path / "faulty.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: E2-USAGE: preset ")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("solutions/*")), ids=lambda path: path.stem)
def test_no_solution_is_on_the_page(path):
    given = (FOLDER / "exercises" / path.name).read_text(encoding="utf-8").splitlines()
    solving = set(path.read_text(encoding="utf-8").splitlines()) - set(given)
    assert solving
    assert not [line for line in solving if line.strip() and line.strip() in TEXT]

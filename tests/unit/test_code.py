"""Which files a run depends on."""

from __future__ import annotations

from lstmbench import code


def test_a_run_depends_on_its_adapter_and_on_no_other():
    names = [path.stem for path in code.training_files("classifier", "reference")]
    assert "reference" in names
    assert "classifier" in names
    assert not {"pytorch", "tensorflow", "language_model"} & set(names)


def test_an_adapter_made_from_another_depends_on_both(tmp_path, monkeypatch):
    (tmp_path / "plain.py").write_text("class Learner: ...\n")
    (tmp_path / "tuned.py").write_text("from lstmbench.implementations import plain\nfrom lstmbench import errors\n")
    (tmp_path / "best.py").write_text("from lstmbench.implementations.tuned import Learner\n")
    monkeypatch.setattr(code, "IMPLEMENTATIONS", tmp_path)
    assert [path.stem for path in code.implementation_files("best")] == ["plain", "tuned", "best"]
    assert [path.stem for path in code.implementation_files("plain")] == ["plain"]


def test_an_edit_of_the_adapter_below_changes_the_hash(tmp_path, monkeypatch):
    (tmp_path / "plain.py").write_text("RATE = 1\n")
    (tmp_path / "tuned.py").write_text("from lstmbench.implementations.plain import RATE\n")
    monkeypatch.setattr(code, "IMPLEMENTATIONS", tmp_path)
    before = code.training_hash("classifier", "tuned")
    (tmp_path / "plain.py").write_text("RATE = 2\n")
    assert code.training_hash("classifier", "tuned") != before

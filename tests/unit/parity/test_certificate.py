"""A certificate holds what was found on this machine, and says so if that is too much."""

from __future__ import annotations

import pandas as pd
import pytest

from lstmbench import implementations
from lstmbench.implementations import reference
from lstmbench.parity import comparison
from lstmbench.parity.certificate import write_failed_certificate
from lstmbench.records.tables import read_table
from lstmbench.reporting.parity import note, shown
from tests.helpers.run_command import run_command


@pytest.fixture
def certificate(tmp_path):
    """The certificate of an implementation, read back."""

    def build(implementation="reference", device="cpu"):
        output = tmp_path / "parity.csv"
        arguments = ["--implementation", implementation, "--device", device, "--threads", "1"]
        run_command("certify", [*arguments, "--output", str(output)])
        return read_table(output)

    return build


def test_the_reference_in_float32_is_near_itself_in_float64_and_not_equal(certificate):
    table = certificate()
    assert set(table["task"]) == {"language_model", "classifier"}
    assert (table["deviation"] <= table["tolerance"]).all()
    assert (table["deviation"] > 0).any()
    (row,) = shown(table).to_dict("records")
    assert row["verdict"] == "within tolerance"
    assert [name for name in row if name in set(table["what"])] == [
        "loss", "gradient", "state", "evaluation", "state of evaluation", "20 steps of SGD with a clip",
        "20 steps of Adam with a clip",
    ]  # fmt: skip
    assert "cpu: loss 5e-06, gradient 1e-05" in note(table)


def test_two_tolerances_of_one_column_are_one_entry(certificate):
    table = certificate()
    table.loc[(table["what"] == "evaluation") & (table["task"] == "classifier"), "tolerance"] = 6e-6
    text = note(table)
    assert ", evaluation 5e-06 or 6e-06, state of evaluation " in text


@pytest.mark.parametrize("factor", [1.001, float("nan")])
def test_an_implementation_that_computes_something_else_exceeds_the_tolerance(certificate, monkeypatch, factor):
    class Wrong(reference.Learner):
        def load_weights(self, weights):
            super().load_weights({name: factor * value for name, value in weights.items()})

    module = type("Wrong", (), {"Learner": Wrong, "configure": reference.configure, "versions": reference.versions})
    monkeypatch.setattr(implementations, "load", lambda name: module)
    (row,) = shown(certificate()).to_dict("records")
    assert row["verdict"].startswith("exceeds: loss, gradient")


def test_a_row_shows_the_comparison_that_is_nearest_to_its_tolerance_or_farthest_beyond(certificate, monkeypatch):
    monkeypatch.setattr(comparison, "tolerance", lambda what, precision: 1e-30 if what == "summed losses" else 1.0)
    table = certificate()
    assert set(table.loc[table["what"] == "evaluation", "tolerance"]) == {1e-30}
    (row,) = shown(table).to_dict("records")
    assert row["verdict"] == "exceeds: evaluation"


def test_an_implementation_that_cannot_run_has_its_reason_in_place_of_numbers(certificate):
    both = pd.concat([certificate(), certificate(device="gpu")])
    rows = {row["device"]: row for row in shown(both).to_dict("records")}
    assert rows["gpu"]["verdict"].startswith("failed: ")
    assert rows["gpu"]["loss"] == "\N{EN DASH}"
    assert rows["cpu"]["verdict"] == "within tolerance"


@pytest.mark.parametrize(("code", "name"), [(132, "SIGILL"), (134, "SIGABRT"), (139, "SIGSEGV")])
def test_an_implementation_that_crashes_has_the_signal_in_place_of_numbers(tmp_path, code, name):
    log, output = tmp_path / "log", tmp_path / "parity.csv"
    log.touch()
    assert write_failed_certificate(code, log, "pytorch", "cpu", output)
    (row,) = shown(read_table(output)).to_dict("records")
    assert f"ended by {name}" in row["verdict"]
    assert not write_failed_certificate(143, log, "pytorch", "cpu", output)


def test_an_environment_that_is_none_has_its_reason_in_place_of_numbers_and_no_other_failure_has(tmp_path):
    log, output = tmp_path / "log", tmp_path / "parity.csv"
    log.write_text("Traceback\nerror: E4-MACHINE: environment old: no such wheel\n", encoding="utf-8")
    assert not write_failed_certificate(2, log, "pytorch-old", "cpu", output)
    assert not output.exists()
    assert write_failed_certificate(4, log, "pytorch-old", "cpu", output)
    (row,) = shown(read_table(output)).to_dict("records")
    assert row["verdict"] == "failed: E4-MACHINE: environment old: no such wheel"

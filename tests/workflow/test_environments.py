"""A version sweep with an environment that is none: its runs and speeds are rows with the reason, the others go on."""

from __future__ import annotations

import json
import sys

import pytest

from lstmbench.records.tables import read_table
from tests.helpers.workdir import edited

pytestmark = pytest.mark.slow

CHANGES = {
    "environments": f"{{mine: {{python: {sys.executable}}}, broken: {{python: nowhere/python}}}}",
    "implementations": "[reference,reference-mine,reference-broken]",
    "speed": "{sizes: [tiny], implementations: [reference-mine, reference-broken], processes: 1, blocks: 2}",
    "results": "results/sweep",
}
TARGETS = [
    "results/sweep/tables/quality.csv",
    "results/sweep/measurements/markov/tiny/cpu/measurement.json",
    "results/sweep/parity/reference-broken/cpu.csv",
    "results/sweep/plan/plan.csv",
]
WHY = "E4-MACHINE: environment broken: expected a Python at nowhere/python, found none"


@pytest.fixture(scope="module")
def sweep(workdir):
    """The results of such a sweep."""
    done = workdir.snakemake(*TARGETS, **CHANGES)
    assert done.returncode == 0, done.stdout
    return workdir.root / "results/sweep"


def test_a_run_of_an_environment_that_is_none_is_a_row_and_the_others_are_trained(sweep):
    rows = read_table(sweep / "tables/quality.csv").set_index("implementation")
    assert rows.loc["reference-broken", "failure"] == WHY
    assert (rows.loc["reference-mine", "failure"], rows.loc["reference-mine", "n"]) == ("", 1)


def test_its_speed_and_its_parity_are_rows_with_the_reason(sweep):
    measured = json.loads((sweep / "measurements/markov/tiny/cpu/measurement.json").read_text(encoding="utf-8"))
    assert [(one["implementation"], one["failure"]) for one in measured["failures"]] == [("reference-broken", WHY)]
    assert {one["implementation"] for one in measured["samples"]} == {"reference-mine"}
    assert list(read_table(sweep / "parity/reference-broken/cpu.csv")["failure"]) == [WHY]


def test_the_plan_names_it_and_plans_the_others(sweep, workdir):
    assert set(read_table(sweep / "plan/plan.csv")["implementation"]) == {"reference", "reference-mine"}
    output = (sweep / "plan/plan.md").read_text(encoding="utf-8")
    assert f"markov tiny reference-broken cpu cannot run here and is not planned: {WHY}" in output.replace("\\", "")
    # What failed is tried again by the next plan, and only that.
    assert workdir.planned("results/sweep/plan/plan.csv", **CHANGES)["calibrate"] == 1


def test_it_is_tried_again_and_only_its_success_repeats_the_measurement(sweep, workdir):
    record = sweep / "measurements/markov/tiny/cpu/measurement.json"
    first = record.stat().st_mtime_ns
    with edited(workdir, ("envs/tools.yaml", "channels:", "# Another comment.\nchannels:")):
        assert workdir.planned(*TARGETS, **CHANGES)["install"] == 1
    assert workdir.snakemake(*TARGETS, **CHANGES).returncode == 0
    assert record.stat().st_mtime_ns == first
    assert workdir.planned(*TARGETS, **CHANGES)["install"] == 1
    python = workdir.root / "nowhere/python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    done = workdir.snakemake(*TARGETS, **CHANGES)
    assert done.returncode == 0, done.stdout
    assert not json.loads(record.read_text(encoding="utf-8"))["failures"]
    assert set(read_table(sweep / "tables/quality.csv")["failure"]) == {""}
    assert not workdir.planned(*TARGETS, **CHANGES)

"""A case measured alone for the plan: again if something ran beside it, else what was least disturbed."""

from __future__ import annotations

import shutil

import pytest
import yaml

from lstmbench.analysis.forecast import Work, predict
from lstmbench.orchestration.dependencies import PACKAGE
from lstmbench.orchestration.failed_runs import failed_sample
from lstmbench.preparation.initialise import initialise
from lstmbench.preparation.prepare import prepare
from lstmbench.records.calibration import read_calibration
from lstmbench.records.interference import ATTEMPTS
from lstmbench.timing.calibration import calibrated
from tests.factories.cases import PRESET
from tests.factories.measurements import make_report
from tests.helpers.run_command import run_command

QUIET = {"wall_seconds": 5.0, "cpu_seconds": 9.9, "foreign_share": 0.001, "steal_share": 0.0, "pressure_share": 0.0}
BUSY = {**QUIET, "foreign_share": 0.5}


def a_report(slower=1.0, load=QUIET, whole_load=QUIET, spread=0.0, **changes):
    """Return a report that took ``slower`` times as long as it should; ``spread`` adds to one block in three."""
    phases = {"import_seconds": 2.0, "build_seconds": 1.0, "place_seconds": 0.5, "first_step_seconds": 1.5}
    rates = {"predictions_per_second": 1000.0 / slower, "fastest_per_second": 1000.0 / slower}
    evaluation = {"first_seconds": 0.25 * slower, **rates}
    usual = {
        **{f"phases__{name}": seconds * slower for name, seconds in phases.items()},
        "fastest_step_seconds": 0.1 * slower,
        "blocks": [{"steps": 4, "seconds": 0.4 * slower * (1 + spread * (place % 3 == 0))} for place in range(9)],
        "load": load,
        "whole_load": whole_load,
        "details": {
            "evaluation": {"valid": evaluation, "test": evaluation},
            "checkpoint": {"write_seconds": 0.2 * slower, "read_seconds": 0.1 * slower, "bytes": 2 * 10**7},
        },
    }
    return make_report(**{**usual, **changes})


def found(*reports, printed=None):
    """What is made of these reports, the further of which are taken only if they are asked for; and how many were."""
    left = list(reports)
    printed = [] if printed is None else printed
    result = calibrated(lambda: left.pop(0), ATTEMPTS, threads=2, log=printed.append)
    return result, len(reports) - len(left)


def seconds(report):
    work = Work(
        updates=101, epochs=3, tests=1, predictions={"valid": 2000, "test": 4000}, evaluation_bytes=0, embedding_bytes=0
    )
    disturbed = bool(getattr(report, "disturbances", []))
    return predict(report, report.blocks, work, disturbed=disturbed)["seconds"]


def test_a_quiet_case_is_measured_once_and_planned_from_its_median_block():
    result, taken = found(a_report(spread=0.05), a_report(slower=0.5))
    assert (taken, result.attempts, result.disturbances) == (1, 1, [])
    assert seconds(result) == pytest.approx(seconds(a_report()))


@pytest.mark.parametrize(
    ("disturbed", "reason"),
    [
        (a_report(slower=60.0, load=BUSY), "foreign CPU 50.0 %"),
        (a_report(slower=60.0, whole_load=BUSY), "foreign CPU 50.0 %"),
        (a_report(slower=60.0, spread=2.0), "spread of the blocks"),
    ],
    ids=["while its blocks were timed", "before or after its blocks", "nobody knows by what"],
)
def test_a_disturbed_case_is_measured_again_and_the_quiet_attempt_counts(disturbed, reason):
    printed = []
    result, taken = found(disturbed, a_report(), printed=printed)
    assert (taken, result.attempts, result.disturbances) == (2, 2, [])
    assert seconds(result) == pytest.approx(seconds(a_report()))
    assert reason in printed[0]


def test_an_attempt_that_got_less_of_its_threads_than_another_is_told_from_it():
    starved = {**QUIET, "cpu_seconds": 3.0}
    result, _ = found(a_report(slower=9.0, load=starved, whole_load=BUSY), a_report(load=QUIET, whole_load=BUSY))
    assert result.disturbances == ["foreign CPU 50.0 % > 2.0 %"]
    assert seconds(result) == pytest.approx(seconds(a_report()))


def test_what_is_always_disturbed_is_planned_from_the_least_that_each_part_took_and_says_so():
    first = a_report(
        slower=3.0,
        load=BUSY,
        phases__first_step_seconds=1.5,
        details__evaluation__valid__fastest_per_second=1000.0,
        details__checkpoint__write_seconds=0.2,
    )
    second = a_report(
        load=BUSY,
        spread=2.0,
        phases__first_step_seconds=60.0,
        details__evaluation__valid__fastest_per_second=10.0,
        details__checkpoint__write_seconds=7.0,
    )
    result, taken = found(first, second)
    assert (taken, result.attempts) == (2, 2)
    assert any(reason.startswith("foreign CPU") for reason in result.disturbances)
    assert seconds(result) == pytest.approx(seconds(a_report()))


def test_the_verb_measures_in_a_process_of_its_own_and_writes_what_it_found(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(PRESET), encoding="utf-8")
    prepare(dataset="markov", raw=tmp_path / "raw", output=tmp_path / "markov")
    weights, output = tmp_path / "weights.safetensors", tmp_path / "threads-1.json"
    initialise(data=tmp_path / "markov", preset_file=tmp_path / "tiny.yaml", seed=1, output=weights)
    arguments = [
        "--data", str(tmp_path / "markov"), "--preset", str(tmp_path / "tiny.yaml"), "--weights", str(weights),
        "--implementation", "reference", "--device", "cpu", "--threads", "1", "--output", str(output),
        "--attempts", "1",
    ]  # fmt: skip
    run_command("calibrate", arguments)
    calibration = read_calibration(output)
    assert calibration.attempts == 1
    assert seconds(calibration) > 0
    gpu = [{"cpu": "gpu"}.get(word, word) for word in arguments]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    run_command("calibrate", gpu)
    assert read_calibration(output).failure.startswith("E4-MACHINE: ")
    assert failed_sample(output).read_bytes() == output.read_bytes()
    shutil.rmtree(tmp_path / "markov")
    output.unlink()
    with pytest.raises(SystemExit) as ended:
        run_command("calibrate", arguments)
    assert ended.value.code == 3
    assert "error: E3-DATA" in capfd.readouterr().err
    assert not output.exists()

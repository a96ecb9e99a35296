"""The order of rounds, their repetition, and what becomes of an implementation that fails."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from lstmbench.models.presets import PRESETS
from lstmbench.records.interference import ATTEMPTS
from lstmbench.records.measurement import Measurement
from lstmbench.records.measurement_record import Circumstances, ProcessReport
from lstmbench.timing import rounds as measure
from lstmbench.timing.details import DETAILS
from lstmbench.timing.rounds import Ended, Found, Plan, measure_group, order, read_earlier
from lstmbench.utils.errors import DataError, UsageError
from tests.factories.measurements import make_measurement, make_report
from tests.helpers.run_command import run_command

QUIET = {"wall_seconds": 5.0, "cpu_seconds": 9.9, "foreign_share": 0.001, "steal_share": 0.0, "pressure_share": 0.0}


def a_report(implementation: str, **load: float) -> ProcessReport:
    return make_report(
        implementation=implementation,
        phases__steady_seconds=5.0,
        steady_steps=60,
        blocks=[{"steps": 3, "seconds": 0.25} for _ in range(20)],
        load={**QUIET, **load},
    )


def plan_of(implementations, rounds, attempts=ATTEMPTS):
    return Plan(implementations=list(implementations), rounds=rounds, attempts=attempts, threads=2, seed=1)


def as_measured(found: Found) -> Measurement:
    """The measurement of one round that found this."""
    record = make_measurement({"a": [5.0]}).record
    return Measurement(replace(record, samples=found.samples, failures=found.failures, processes=1), found.table())


def measured(report_of, implementations=("a", "b"), rounds=2):
    output: list[str] = []

    def sampler(names, details):
        return {name: report_of(name, details) for name in names}

    found = measure_group(plan_of(implementations, rounds), sampler, output.append)
    return found.samples, found.failures, found.table(), output


@pytest.mark.parametrize("rounds", [4, 10])
def test_every_implementation_comes_as_early_as_late(rounds):
    places = Counter()
    for turn in order(["a", "b", "c"], rounds, seed=5):
        assert sorted(turn) == ["a", "b", "c"]
        for place, name in enumerate(turn):
            places[name] += place
    assert len(set(places.values())) == 1


def test_the_seed_decides_the_order():
    turns = {tuple(order(["a", "b", "c", "d"], 1, seed)[0]) for seed in range(20)}
    assert len(turns) > 5
    assert order(["a", "b", "c", "d"], 4, 3) == order(["a", "b", "c", "d"], 4, 3)


def test_a_quiet_machine_is_asked_once_per_round_and_for_details_in_the_first():
    calls = []

    def sampler(implementation, details):
        calls.append((implementation, details))
        return a_report(implementation)

    samples, failures, blocks, _ = measured(sampler)
    assert Counter(calls) == {("a", DETAILS): 1, ("b", DETAILS): 1, ("a", ()): 1, ("b", ()): 1}
    assert not failures
    assert all(sample.disturbances == [] for sample in samples)
    assert len(blocks) == 4 * 20
    assert blocks.groupby(["implementation", "round"])["seconds"].sum().tolist() == pytest.approx([5.0] * 4)


def test_a_round_with_a_disturbed_process_is_repeated_whole_and_every_attempt_is_kept():
    calls = []

    def sampler(implementation, details):
        calls.append(implementation)
        return a_report(implementation, foreign_share=0.3 if len(calls) == 1 else 0.0)

    samples, _, blocks, output = measured(sampler, rounds=1)
    found = Counter((sample.attempt, bool(sample.disturbances)) for sample in samples)
    assert found == {(1, True): 1, (1, False): 1, (2, False): 2}
    assert blocks.groupby(["implementation", "attempt"]).size().tolist() == [20] * 4
    assert "foreign" in output[0]


def test_a_machine_that_stays_disturbed_is_tried_twice_and_told():
    samples, _, _, _ = measured(lambda name, details: a_report(name, foreign_share=0.3), ["a"], rounds=1)
    assert len(samples) == ATTEMPTS == 2
    assert samples[-1].disturbances


def test_a_process_that_got_less_of_its_threads_than_others_of_its_kind_was_disturbed():
    cpu = iter([9.9, 5.0, 9.9])
    samples, _, _, _ = measured(lambda name, details: a_report(name, cpu_seconds=next(cpu)), ["a"], rounds=2)
    assert [bool(sample.disturbances) for sample in samples] == [False, True, False]


def test_an_implementation_that_fails_is_recorded_and_not_tried_again_and_the_others_go_on():
    calls = []

    def sampler(implementation, details):
        calls.append(implementation)
        return Ended("no GPU", 4) if implementation == "a" else a_report(implementation)

    samples, failures, _, output = measured(sampler, rounds=3)
    assert calls.count("a") == 1
    assert [failure.failure for failure in failures] == ["no GPU"]
    assert len(samples) == 3
    assert any("no GPU" in line for line in output)


def measured_twice(**later):
    """Two rounds in one go, and one round with another added to it."""

    def rounds(count, earlier=None):
        return measure_group(
            plan_of(["a", "b", "c"], count),
            lambda names, details: {name: a_report(name, **later) for name in names},
            lambda line: None,
            earlier,
        )

    return rounds(2), rounds(1, as_measured(rounds(1)))


def test_a_round_added_later_is_the_round_it_would_have_been():
    at_once, added = measured_twice()
    assert added.samples == at_once.samples
    assert added.failures == at_once.failures
    assert added.table().equals(at_once.table())


def test_the_best_of_all_rounds_judges_those_of_an_earlier_measurement_too():
    def one_round(earlier=None, **load):
        return measure_group(
            plan_of(["a"], 1, attempts=1),
            lambda names, details: {name: a_report(name, **load) for name in names},
            lambda line: None,
            earlier,
        )

    slow = one_round(cpu_seconds=5.0)
    assert not slow.samples[0].disturbances
    both = one_round(as_measured(slow)).samples
    assert [bool(sample.disturbances) for sample in both] == [True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--preset": "Small Case.yaml"}, r"its record would be refused, so it is not measured: .*\$\.group\.size"),
    ],
)
def test_what_would_refuse_the_record_is_told_before_the_first_process(tmp_path, monkeypatch, changes, message):
    monkeypatch.setattr(measure, "run_round", lambda *_: pytest.fail("it was measured"))
    preset = tmp_path / changes.get("--preset", "small.yaml")
    preset.write_text((PRESETS / "markov/small.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    options = {
        "--data": tmp_path / "markov", "--weights": tmp_path / "none", "--implementations": "reference",
        "--device": "cpu", "--output": tmp_path / "measurement.json", **changes, "--preset": preset,
    }  # fmt: skip
    with pytest.raises(UsageError, match=message):
        run_command("measure", [str(word) for pair in options.items() for word in pair])


def circumstances_of(measurement: Measurement) -> Circumstances:
    record = measurement.record
    return Circumstances(**{name: getattr(record, name) for name in Circumstances.__struct_fields__})


def test_rounds_are_not_added_to_a_measurement_in_other_circumstances(tmp_path, monkeypatch):
    earlier = make_measurement({"a": [5.0]})
    path = tmp_path / "measurement.json"
    path.touch()
    monkeypatch.setattr(measure, "read_measurement", lambda path: earlier)
    assert read_earlier(tmp_path / "none.json", circumstances_of(earlier)) is None
    assert read_earlier(path, circumstances_of(earlier)).record.threads == 2
    with pytest.raises(DataError, match=r"others: threads 2, now 1; move it away"):
        read_earlier(path, replace(circumstances_of(earlier), threads=1))


def test_rounds_are_added_after_a_change_that_changes_no_speed(tmp_path, monkeypatch):
    earlier = make_measurement({"a": [5.0]})
    circumstances = circumstances_of(earlier)
    path = tmp_path / "measurement.json"
    path.touch()
    monkeypatch.setattr(measure, "read_measurement", lambda path: earlier)

    def on(**changes):
        return replace(circumstances, machine=replace(circumstances.machine, **changes))

    assert read_earlier(path, on(cores=4, os="Linux 6.2 x86_64", switches={"TF_CPP_MIN_LOG_LEVEL": "3"}))
    with pytest.raises(DataError, match=r"machine\.switches\.OMP_PROC_BIND \w+, now true"):
        read_earlier(path, on(switches={"OMP_PROC_BIND": "true"}))

"""The first lines: what was found, in numbers, about which size, and how far it carries."""

from __future__ import annotations

import itertools
import re
from functools import cache

import pytest

from lstmbench.analysis import quality as tabulate
from lstmbench.analysis import runs as collect
from lstmbench.analysis import speed as analyse
from lstmbench.analysis.chosen_size import choose_size
from lstmbench.records.published import read_published, read_targets
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting.findings import findings
from tests.factories.measurements import edited, make_measurement
from tests.factories.records import CAPS, make_failure, make_record, save
from tests.factories.tables import PUBLISHED, TARGETS

NAMES = ("pytorch", "tensorflow", "pytorch_fused")
SPREADS = {
    "equal": (0.0, 0.01, 0.02, 0.01, 0.0),
    "different": (3.0, 3.1, 3.2, 3.1, 3.0),
    "inconclusive": (-5.0, 4.0, -2.0, 3.5, 1.0),
}
"""What tells the other implementations' perplexities from PyTorch's, by the verdict that follows from five seeds."""

STEADY = [10.0, 10.2, 9.8, 10.1, 9.9]
SPEEDS = {
    "none": None,
    "one process": [10.0],
    "five": STEADY,
    "disturbed": STEADY,
    "unsteady": STEADY,
    "failed": STEADY,
    "alike": STEADY,
}
MAX_LENGTHS = {"text": 260, "evidence": 400}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Tables as they are read back."""
    folder = tmp_path_factory.mktemp("tables")

    def store(tables):
        for name, table in tables.items():
            write_table(folder / f"{name}.csv", table)
        return {name: read_table(folder / f"{name}.parquet") for name in tables}

    return store


@pytest.fixture(scope="module")
def tables(tmp_path_factory, stored):
    """The tables of one data set: those of its runs, and those of its measurements."""

    def build(records, measured=()):
        found = stored(collect.collect(save(tmp_path_factory.mktemp("results"), *records)))
        published = read_published(PUBLISHED)
        runs = tabulate.number_machines(found["runs"])
        made = {
            "quality": tabulate.quality(runs, found["failures"], published),
            "differences": tabulate.differences(runs),
            "time_to_quality": tabulate.time_to_quality(runs, found["history"], read_targets(TARGETS, published)),
        }
        return stored({"runs": found["runs"], **made, **analyse.analyse(measured)})

    return build


def runs(implementations, seeds, spread, capped, size="small"):
    for name, seed in itertools.product(implementations, range(1, seeds + 1)):
        more = 0.0 if name == "pytorch" else SPREADS[spread][seed - 1]
        caps = {"caps": CAPS} if capped else {}
        yield make_record("markov", size, name, seed=seed, metric=22.0 * (1 + more / 100) + 0.002 * seed, **caps)


def measurement(implementations, speed):
    if SPEEDS[speed] is None:
        return []
    speeds = {
        name: [value / (1 if speed == "alike" else place) for value in SPEEDS[speed]]
        for place, name in enumerate(implementations, start=1)
    }
    if speed == "alike":
        speeds = {name: values[place:] + values[:place] for place, (name, values) in enumerate(speeds.items())}
    options = {}
    if speed == "failed":
        reason = "E4-MACHINE: it did not run as loop over time; expected MatMul; found 12 others"
        options["failures"] = {implementations[-1]: reason}
        del speeds[implementations[-1]]
    if speed == "disturbed":
        options |= {"disturbances": ["steal 4.5 % > 1.0 %"], "load__steal_share": 0.045}
    found = make_measurement(speeds, "markov", **options)
    if speed == "unsteady":
        found.blocks.loc[::2, "seconds"] *= 1.6
    return [found]


@pytest.fixture(scope="module")
def measured(stored):
    """The tables of speed of these implementations, computed once."""
    return cache(lambda implementations, speed: stored(analyse.analyse(measurement(implementations, speed))))


CASES = [
    (implementations, seeds, spread, capped, fails)
    for implementations in (NAMES[:1], NAMES[:2], NAMES)
    for seeds in (1, 5)
    for spread in (SPREADS if seeds == 5 and len(implementations) > 1 else ("equal",))
    for capped in (False, True)
    for fails in (False, True)
]


@pytest.mark.parametrize(("implementations", "seeds", "spread", "capped", "fails"), CASES)
def test_every_line_begins_with_what_was_found_in_numbers_and_ends_with_how_far_it_carries(
    tables, measured, implementations, seeds, spread, capped, fails
):
    records = list(runs(implementations, seeds, spread, capped))
    if fails:
        records.append(make_failure("markov", implementation="tensorflow_fused"))
    of_runs = tables(records)
    for speed in SPEEDS:
        lines = findings("markov", of_runs | measured(implementations, speed))
        assert [line.what for line in lines] == ["quality", "speed", "time to quality"]
        for line in lines:
            assert str(line).startswith("markov small: ")
            assert re.search(r"\d", line.text), line
            assert not re.match(r"no claim|inconclusive", line.text, re.IGNORECASE)
            for part, most in MAX_LENGTHS.items():
                assert 5 < len(getattr(line, part)) <= most, line
                assert not re.search(r"\bnan\b|\bNone\b| ,|;\s*;|\n", getattr(line, part)), line
        quality, fastest, _ = lines
        assert quality.conclusive == (
            seeds == 5 and spread != "inconclusive" and len(implementations) > 1 and not capped
        )
        assert fastest.conclusive == (
            (speed in ("five", "disturbed") and len(implementations) > 1)
            or (speed == "failed" and len(implementations) > 2)
        )
        assert fails == ("tensorflow_fused" in quality.evidence)
        assert ("cut short" in quality.text) == capped


def lines_of(tables, implementations, seeds, spread="equal", speed="none", **options):
    return findings(
        "markov", tables(runs(implementations, seeds, spread, False, **options), measurement(implementations, speed))
    )


def test_one_seed_says_both_numbers_and_that_they_are_too_few(tables):
    pair = [
        make_record(implementation=name, metric=value) for name, value in (("tensorflow", 115.4), ("pytorch", 114.9))
    ]
    assert str(findings("ptb", tables(pair))[0]) == (
        "PTB small: PyTorch 114.90, TensorFlow 115.40 test perplexity (lower is better), 0.44 % apart; "
        "one seed each, too few to call them equal or different (that takes 5)."
    )


DOUBTFUL = (1.2, 0.5, 1.6, 0.4, 1.9)
"""Differences in % whose own 95 % interval excludes 0."""


def apart(dataset, differences):
    """Runs of two implementations whose perplexities differ by this many per cent."""
    for seed, difference in enumerate(differences, start=1):
        for name, value in zip(NAMES, (100.0, 100.0 * (1 + difference / 100)), strict=False):
            yield make_record(dataset, implementation=name, seed=seed, metric=value)


def test_a_difference_that_only_the_correction_makes_uncertain_is_said_to_be_so(tables):
    several = tables([*apart("ptb", DOUBTFUL), *runs(NAMES, 5, "inconclusive", False)])
    evidence = findings("ptb", several)[0].evidence
    assert "95 % interval +0.30 to +1.94 %, not certain once corrected for the 4 comparisons of the page" in evidence
    wide = findings("ptb", tables(apart("ptb", SPREADS["inconclusive"])))[0].evidence
    assert wide.endswith("too wide to call them equal or different (inconclusive)")


def test_an_equality_whose_95_percent_interval_leaves_the_margin_names_the_interval_that_decides(tables):
    quality, _, _ = findings("ptb", tables(apart("ptb", (0.1, 1.0, 0.3, 0.9, 0.35))))
    assert quality.text.endswith("equal within 1 %")
    assert quality.evidence.endswith("to +1.02 %; the 90 % interval, which decides on equality, is within 1 %")


def test_the_better_one_is_named_whichever_way_is_better(tables):
    assert "): PyTorch is better by 3.08 %" in str(lines_of(tables, NAMES[:2], 5, "different")[0])
    accuracies = [
        make_record("mnist", implementation=name, seed=seed, metric=metric + seed / 10_000)
        for name, metric in (("pytorch", 0.97), ("tensorflow", 0.98))
        for seed in range(1, 6)
    ]
    quality, _, _ = findings("mnist", tables(accuracies))
    assert quality.text.startswith("TensorFlow 98.03 ")
    assert quality.text.endswith("test accuracy (higher is better): TensorFlow is better by 1.00 points")


def test_what_does_not_reach_the_target_is_said_with_how_many_runs_did(tables):
    values = {("pytorch", 1): 115.0, ("pytorch", 2): 115.0, ("tensorflow", 1): 115.0, ("tensorflow", 2): 130.0}
    records = [make_record(implementation=name, seed=seed, metric=value) for (name, seed), value in values.items()]
    _, _, time = findings("ptb", tables(records))
    assert time.text == (
        "PyTorch 500 s, TensorFlow not (1 of 2 runs) of training to a validation perplexity of 121.39 (less is better)"
    )
    assert time.evidence.startswith("2 seeds each, the median counts; ")


def test_a_ratio_that_only_the_correction_makes_uncertain_is_said_to_be_so(tables):
    doubtful = [1.05, 1.01, 1.08, 1.02, 1.09]
    wide = [1.2, 0.8, 1.0, 1.1, 0.9]
    speeds = {"pytorch": [10 * value for value in doubtful], "tensorflow": [10.0] * 5, "pytorch_fused": wide}
    alone = {name: speeds[name] for name in NAMES[:2]}
    records = list(runs(NAMES[:2], 1, "equal", False))
    lines = [findings("markov", tables(records, [make_measurement(of, "markov")]))[1] for of in (alone, speeds)]
    assert [line.conclusive for line in lines] == [True, True]
    speeds["pytorch_fused"] = [10 * value for value in wide]
    line = findings("markov", tables(records, [make_measurement(speeds, "markov")]))[1]
    assert not line.conclusive
    assert (
        "; not certain once corrected for the 3 ratios of the measurement, so which is faster is open" in line.evidence
    )


def test_what_disturbed_a_speed_is_said_of_the_two_that_are_compared_and_of_no_other(tables):
    reason = "spread of the blocks 12.2 % > 10.0 %"

    def speed_of(*disturbed):
        def disturb(sample):
            sample["disturbances"] = [reason] if sample["implementation"] in disturbed else []

        of_five = edited(*measurement(("pytorch_fused", "tensorflow", "jax"), "five"), disturb)
        return findings("markov", tables(runs(NAMES[:2], 1, "equal", False), [of_five]))[1]

    assert "disturbed" not in speed_of("jax").evidence
    assert speed_of("tensorflow", "jax").evidence.endswith(f"5 pairs of processes; TensorFlow was disturbed ({reason})")
    assert "used the machine" not in speed_of("tensorflow").evidence


def test_a_speed_is_told_of_the_size_whose_quality_is(tables):
    records = [make_record("markov", size, name) for size in ("small", "medium") for name in NAMES[:2]]
    of_small = tables(records, measurement(NAMES[:2], "five"))
    assert {line.where for line in findings("markov", of_small)} == {"markov small"}
    five = [
        *runs(NAMES[:2], 5, "equal", False, "medium"),
        *(record for record in records if record["run"]["size"] == "small"),
    ]
    of_medium = findings("markov", tables(five, measurement(NAMES[:2], "five")))
    assert str(of_medium[1]) == "markov medium: the speed of 0 of 2 implementations was measured; only small was."


def test_several_workers_without_a_speed_are_told_that_it_is_measured_for_one_only(tables):
    devices = ("cpu-t2", "cpu-t2-x2")
    records = [make_record("markov", device=device, settings__threads=2) for device in devices]
    measured = [make_measurement({"pytorch": [10.0]}, "markov", device="cpu-t2")]
    _, one, _, _, two, _ = findings("markov", tables(records, measured))
    assert one.where == "markov small (cpu-t2)"
    assert one.text == "PyTorch 3,999 words/s (higher is faster)"
    assert str(two) == (
        "markov small (cpu-t2-x2): the speed of 0 of 1 implementation was measured; make bench measures one worker "
        "only; the speeds of the runs themselves are under Several workers."
    )
    _, alone, _ = findings("markov", tables(records[1:]))
    assert alone.evidence == "make bench measures one worker only"


def test_a_size_that_was_not_measured_on_a_device_does_not_name_itself_as_the_only_one_that_was(tables):
    records = [make_record("markov", device=device) for device in ("cpu", "cpu-t1")]
    measured = [make_measurement({"pytorch": [10.0]}, "markov")]
    assert findings("markov", tables(records, measured))[4].evidence == "make bench does it"


def chosen(tables, *records, measured=()):
    found = tables(records, measured)
    return choose_size(found["quality"], found["differences"], found["speed"])


def test_a_variant_of_the_schedule_is_not_spoken_of_however_many_parameters_it_has(tables):
    variant = [
        make_record(size="adventures", implementation=name, seed=seed, settings__preset__hidden_size=2000)
        for name in NAMES[:2]
        for seed in range(1, 6)
    ]
    assert chosen(tables, *variant, make_record()) == "small"
    assert chosen(tables, *variant, make_record(caps=CAPS)) == "adventures"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (runs(NAMES[:1], 1, "equal", False), runs(NAMES, 5, "equal", True, "large")),
        (runs(NAMES[:2], 1, "equal", False), runs(NAMES[:1], 5, "equal", False, "large")),
        (runs(NAMES[:2], 5, "equal", False), runs(NAMES[:2], 1, "equal", False, "large")),
        (runs(NAMES[:2], 1, "equal", False, "large"), runs(NAMES[:2], 1, "equal", False, "medium")),
    ],
)
def test_the_size_that_is_spoken_of_is_complete_then_compared_then_settled_then_large(tables, better, worse):
    better, worse = list(better), list(worse)
    assert chosen(tables, *worse, *better) == better[0]["run"]["size"]

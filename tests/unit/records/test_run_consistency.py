"""Runs that are of their schema and cannot be true: each a mistake that could happen, each refused at its place."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lstmbench.records.run import read_record, write_record
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_json
from tests.factories.records import change, make_record
from tests.helpers.expect_error import taken_or_refused

EVALUATED = "evaluated on the first 2,000 predictions"

RUNS = {
    # mistake: (data set, where it is refused, path=value...)
    "a preset edited by hand afterwards": ("ptb", "$.settings_sha256", {"settings__preset__epochs": 3}),
    "the settings of another run pasted in": ("ptb", "$.settings_sha256", {"settings_sha256": hash_json("other")}),
    "a precision that the device's name does not carry": ("ptb", "$.settings.dtype", {"settings__dtype": "tf32"}),
    "another model's number of parameters": ("ptb", "$.parameters", {"parameters": 4_653_200}),
    "a vocabulary of another preparation": ("ptb", "$.parameters", {"data__facts__vocab_size": 9999}),
    "no vocabulary": ("ptb", "$.data.facts", {"data__facts": {}}),
    "training that changed nothing": ("ptb", "$.final_weights_sha256", {"final_weights_sha256": "same"}),
    "a learning rate that did not decay": ("ptb", "$.history[1].learning_rate", {"history__1__learning_rate": 0.5}),
    "an epoch lost": ("ptb", "$.history", {"history": "first"}),
    "an epoch twice": ("ptb", "$.history", {"history__1__epoch": 1}),
    "updates that start over": ("ptb", "$.history", {"history__1__updates": 10}),
    "an epoch cut short without a mark": ("ptb", "$.history[1].train_predictions", {"history__1__updates": 4000}),
    "words counted as windows": ("ptb", "$.history[0].train_predictions", {"history__0__train_predictions": 46_460}),
    "a validation of another length": (
        "ptb",
        "$.history[1].valid_predictions",
        {"history__1__valid_predictions": 73_601},
    ),
    "perplexity of another epoch": ("ptb", "$.history[0].valid_perplexity", {"history__0__valid_perplexity": 113.6}),
    "perplexity with base 2": ("ptb", "$.final.perplexity", {"final__perplexity": 2 ** math.log(113.6)}),
    "the loss in bits": ("ptb", "$.final.perplexity", {"final__loss": math.log2(113.6)}),
    "perplexity beyond a float": ("ptb", "$.final.perplexity", {"final__loss": 800.0}),
    "a test on the training text": (
        "ptb",
        "$.final.perplexity",
        {"final__loss": math.log(12.0), "final__perplexity": 12.0},
    ),
    "better than the text's own source": (
        "markov",
        "$.final.loss",
        {"final__loss": 2.9, "final__perplexity": math.exp(2.9)},
    ),
    "losses of another run": ("ptb", "$.first_losses", {"first_losses": [9.2] * 19}),
    "a capped run without its mark": ("ptb", "$.history", {"history": "first", "settings__max_updates": 2323}),
    "a mark without a cap": ("ptb", "$.settings.max_updates", {"caps": ["trained for 4,646 of 30,199 updates"]}),
    "a mark of other updates": ("ptb", "$.caps", {"caps": ["trained for 30 of 30,199 updates"]}),
    "more updates than the schedule has": ("ptb", "$.caps", {"caps": ["trained for 4,646 of 4,646 updates"]}),
    "a capped evaluation without its mark": ("ptb", "$.caps", {"settings__max_eval_predictions": 2000}),
    "a mark of an evaluation that was whole": ("ptb", "$.caps", {"caps": [EVALUATED]}),
    "training time of the last process only": ("ptb", "$.speed.train_seconds", {"speed__train_seconds": 250.0}),
    "a first step longer than all": ("ptb", "$.speed.first_step_seconds", {"speed__first_step_seconds": 501.0}),
    "an end before its beginning": ("ptb", "$.finished", {"finished": "2026-01-02T02:04:05+00:00"}),
    "an end too early for its parts": ("ptb", "$.finished", {"finished": "2026-01-02T03:12:00+00:00"}),
    "times in milliseconds": ("ptb", "$.finished", {"history__0__valid_seconds": 6000.0}),
    "quartiles out of order": ("ptb", "$.speed", {"speed__p75": 3750.0}),
    "a median without blocks": ("ptb", "$.speed", {"speed__blocks": 0}),
    "a speed in thousands": ("ptb", "$.speed.median", {"speed__p25": 3.7, "speed__median": 3.8, "speed__p75": 3.9}),
    "more blocks than updates": ("ptb", "$.speed.blocks", {"speed__blocks": 4647}),
    "a GPU's memory on a CPU": ("ptb", "$.memory.peak_device_bytes", {"memory__peak_device_bytes": 10**9}),
    "memory in kilobytes": ("ptb", "$.memory.peak_rss_bytes", {"memory__peak_rss_bytes": 900_000}),
    "more memory than there is": ("ptb", "$.memory.peak_rss_bytes", {"memory__peak_rss_bytes": 26 * 10**9}),
    "changes without a commit": ("ptb", "$.commit_dirty", {"commit": None, "commit_dirty": True}),
    "accuracy in per cent of an image": ("mnist", "$.final.accuracy", {"final__accuracy": 0.98512345}),
    "words right in per cent": ("ptb", "$.final.accuracy", {"final__accuracy": 24.2}),
    "words right of another split": ("ptb", "$.history[0].valid_accuracy", {"history__0__valid_accuracy": 0.250001}),
    "images without an accuracy": ("mnist", "$.final.accuracy", {"final__accuracy": None}),
    "accuracy of another split": ("mnist", "$.history[0].valid_accuracy", {"history__0__valid_accuracy": 0.98511}),
    "every image right": ("mnist", "$.final.accuracy", {"final__accuracy": 1.0}),
    "energy of a run without a GPU": ("ptb", "$.history[0].train_joules", {"history__0__train_joules": 9000.0}),
    "tests that nobody asked for": ("mnist", "$.milestones[0].updates", {"milestones__0__updates": 100}),
    "tests that were asked for and are missing": ("mnist", "$.milestones", {"milestones": []}),
}


@pytest.mark.parametrize("mistake", RUNS)
def test_a_run_that_cannot_be_true_is_refused_at_its_place(tmp_path, mistake):
    dataset, where, changes = RUNS[mistake]
    record = make_record(dataset)
    keep = {"same": record["initial_weights_sha256"], "first": record["history"][:1]}
    for path, value in changes.items():
        change(record, path.split("__"), keep.get(value, value) if isinstance(value, str) else value)
    if "settings_sha256" not in where and any(path.startswith("settings__") for path in changes):
        record["settings_sha256"] = hash_json(record["settings"])
    file = tmp_path / "run.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_record(file)
    assert f"{file} at {where}: expected" in str(refused.value)


@pytest.mark.parametrize("changes", [{"memory__peak_device_bytes": None}, {"machine__gpu": None}])
def test_a_run_on_a_gpu_names_it_and_its_memory(tmp_path, changes):
    write_record(tmp_path / "run.json", make_record(device="gpu"))
    with pytest.raises(DataError, match=r"at \$\.(memory|machine)\."):
        write_record(tmp_path / "run.json", make_record(device="gpu", **changes))


def test_energy_is_of_a_gpu_alone_and_in_joules(tmp_path):
    path = tmp_path / "run.json"
    write_record(path, make_record(device="gpu", history__0__train_joules=75_000.0))
    assert read_record(path).history[0].train_joules == 75_000.0
    assert read_record(path).history[1].train_joules is None
    for changes in ({"device": "gpu-x2"}, {"device": "gpu", "history__0__train_joules": 75_000_000.0}):
        record = make_record(**{"history__0__train_joules": 75_000.0, **changes})
        with pytest.raises(DataError, match=r"at \$\.history\[0\]\.train_joules: expected"):
            write_record(path, record)


@pytest.mark.parametrize(("dataset", "fact"), [("ptb", "vocab_size"), ("mnist", "classes"), ("markov", "order")])
@pytest.mark.parametrize("value", [None, True, "ten", 0, -1, 2.5])
def test_a_fact_that_is_no_count_is_refused_at_its_place(tmp_path, dataset, fact, value):
    record = make_record(dataset)
    record["data"]["facts"][fact] = value
    file = tmp_path / "run.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError, match=rf"\$\.data\.facts.*\.{fact}"):
        read_record(file)


def test_a_text_of_an_earlier_version_has_no_share_of_words_predicted_right(tmp_path):
    write_record(tmp_path / "run.json", make_record("ptb", final__accuracy=None, history__0__valid_accuracy=None))


def test_a_run_on_a_slow_and_busy_machine_is_a_good_record(tmp_path):
    pauses = {"history__0__train_seconds": 2500.0, "speed__train_seconds": 2750.0, "speed__first_step_seconds": 1000.0}
    write_record(tmp_path / "run.json", make_record(**pauses))


BLOCKS = st.lists(st.tuples(st.integers(1, 50), st.floats(1e-6, 1e6)), min_size=1, max_size=40)


@given(blocks=BLOCKS, warm_up_seconds=st.floats(1e-6, 1e6))
@example(blocks=[(1, 0.01)] * 2 + [(1, 0.1)] * 8, warm_up_seconds=0.02)
@example(blocks=[(1, 0.1)] * 39 + [(1, 1e6)], warm_up_seconds=0.02)
def test_whatever_time_each_block_took_the_record_is_a_good_one(tmp_path_factory, blocks, warm_up_seconds):
    seconds = warm_up_seconds + sum(took for _, took in blocks)
    p25, median, p75 = np.quantile([steps * 400 / took for steps, took in blocks], [0.25, 0.5, 0.75])
    speed = {"speed__p25": p25, "speed__median": median, "speed__p75": p75, "speed__blocks": len(blocks)}
    times = {"history__0__train_seconds": seconds, "speed__train_seconds": seconds}
    first = {"speed__first_step_seconds": warm_up_seconds, "resumed": 1}
    write_record(tmp_path_factory.mktemp("record") / "run.json", make_record(epochs=1, **speed, **times, **first))


OWN_TEXT = {"vocab_size": 10_000, "about": "Text that the user supplied."}
OWN_IMAGES = {"classes": 10, "about": "Images that the user supplied."}


def test_data_of_ones_own_may_be_as_easy_as_no_published_data_are(tmp_path):
    write_record(tmp_path / "run.json", make_record("novel", metric=1.5, data__facts=OWN_TEXT))
    write_record(tmp_path / "run.json", make_record("mnist", metric=1.0, data__facts=OWN_IMAGES))
    for too_good in (make_record(metric=1.5), make_record("mnist", metric=1.0)):
        with pytest.raises(DataError, match=r"\$\.final"):
            write_record(tmp_path / "run.json", too_good)


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (make_record("novel", data__facts={**OWN_TEXT, "level": "character"}), r"\$\.speed\.unit"),
        (make_record("novel", data__facts={**OWN_TEXT, "level": "letter"}), r"\$\.data\.facts.*\.level"),
        (make_record("mnist", data__facts={**OWN_IMAGES, "rows": 28}), r"\$\.settings\.preset\.num_steps"),
        (make_record("mnist", data__facts={**OWN_IMAGES, "columns": 19}), r"\$\.parameters"),
    ],
)
def test_facts_of_ones_own_data_that_do_not_fit_the_run_are_refused_at_their_place(tmp_path, record, where):
    with pytest.raises(DataError, match=where):
        write_record(tmp_path / "run.json", record)


def leaves(value, path=()):
    """The path of every value within a record."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from leaves(member, (*path, key))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
DATES = st.sampled_from(["2026-13-45T25:61:61Z", "2026-02-30T00:00:00+00:00", "9999-12-31T23:59:59-23:59"])


@pytest.mark.parametrize("dataset", ["ptb", "mnist", "markov"])
@given(data=st.data())
def test_any_value_in_any_place_is_taken_or_refused(tmp_path_factory, dataset, data):
    record = make_record(dataset)
    place = data.draw(st.sampled_from(list(leaves(record))))
    change(record, [str(key) for key in place], data.draw(VALUES | DATES))
    file = tmp_path_factory.mktemp("record") / "run.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    with taken_or_refused(DataError, file):
        read_record(file)

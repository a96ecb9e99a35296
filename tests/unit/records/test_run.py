"""run.json is refused by name unless it is whole, of the schema, and agrees with itself."""

from __future__ import annotations

import json
import math

import msgspec
import pytest

from lstmbench.records.measurement import Measurement, read_measurement, write_measurement
from lstmbench.records.run import read_record, write_record
from lstmbench.records.run_record import RunRecord
from lstmbench.records.version import SCHEMA_VERSION
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import DataError
from tests.factories.measurements import make_measurement
from tests.factories.records import change, make_record, make_run, save

REQUIRED = [field.name for field in msgspec.structs.fields(RunRecord) if field.required]


@pytest.mark.parametrize("dataset", ["ptb", "mnist", "markov"])
def test_a_record_that_was_written_reads_back_the_same(tmp_path, dataset):
    record = make_record(dataset)
    (path,) = save(tmp_path, record)
    assert plain(read_record(path)) == record


def test_a_capped_run_without_a_steady_block_is_a_good_record(tmp_path):
    record = make_record(speed__median=None, speed__p25=None, speed__p75=None, speed__blocks=0)
    (path,) = save(tmp_path, record)
    assert read_record(path).speed.median is None


MUTANTS = {
    "$.run.seed": ("run__seed", "1"),
    "$.run.dataset": ("run__dataset", "../ptb"),
    "$.started": ("started", "yesterday"),
    "$.commit": ("commit", "main"),
    "$.settings.preset.keep_prob": ("settings__preset__keep_prob", 0),
    "$.settings.preset.hidden_size": ("settings__preset__hidden_size", 200.5),
    "$.settings.threads": ("settings__threads", 0),
    "$.settings.dtype": ("settings__dtype", "float16"),
    "$.settings_sha256": ("settings_sha256", "64 hex"),
    "$.data.task": ("data__task", "regression"),
    "$.parameters": ("parameters", -1),
    "$.caps[0]": ("caps", ["=HYPERLINK(1)"]),
    "$.caps": ("caps", "capped"),
    "$.resumed": ("resumed", None),
    "$.history": ("history", []),
    "$.history[1].valid_perplexity": ("history__1__valid_perplexity", 1.5),
    "$.history[0].train_perplexity": ("history__0__train_perplexity", 300.0),
    "$.history[0].valid_predictions": ("history__0__valid_predictions", 0),
    "$.final.perplexity": ("final__perplexity", 113.7),
    "$.final.seconds": ("final__seconds", -1.0),
    "$.final.loss": ("final__loss", "4.7"),
    "$.speed.unit": ("speed__unit", "images/s"),
    "$.speed": ("speed__p25", 4000.0),
    "$.speed.blocks": ("speed__blocks", -3),
    "$.memory.peak_rss_bytes": ("memory__peak_rss_bytes", 0),
    "$.machine.cpu": ("machine__cpu", "\x1b[2J"),
    "$.versions": ("versions", {}),
}


@pytest.mark.parametrize("where", MUTANTS)
def test_a_wrong_value_is_refused_by_file_and_place(tmp_path, where):
    path, value = MUTANTS[where]
    record = make_record()
    change(record, path.split("__"), value)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_record(file)
    assert str(file) in str(refused.value)
    assert f" at {where}: " in str(refused.value)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_refused_by_name(tmp_path, key):
    record = make_record()
    del record[key]
    with pytest.raises(DataError, match=f"expected the key '{key}', found none"):
        write_record(tmp_path / "run.json", record)
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("where", ["", "run", "settings", "settings.preset", "history.0", "final", "speed"])
def test_an_unknown_key_is_refused_by_name(tmp_path, where):
    record = make_record()
    target = record
    for key in [int(key) if key.isdigit() else key for key in where.split(".") if key]:
        target = target[key]
    target["surprise"] = 1
    with pytest.raises(DataError, match="surprise"):
        write_record(tmp_path / "run.json", record)


def test_images_have_no_perplexity(tmp_path):
    record = make_record("mnist")
    record["final"]["perplexity"] = 1.0
    with pytest.raises(DataError, match=r"\$\.final\.perplexity: expected no such key for this task"):
        write_record(tmp_path / "run.json", record)


@pytest.mark.parametrize(("dataset", "key"), [("ptb", "perplexity"), ("mnist", "accuracy")])
def test_the_metric_of_the_task_must_be_there(tmp_path, dataset, key):
    record = make_record(dataset)
    del record["final"][key]
    with pytest.raises(DataError, match=rf"\$\.final\.{key}: expected a number for this task, found None"):
        write_record(tmp_path / "run.json", record)


@pytest.mark.parametrize("version", [1, 2])
def test_records_of_both_versions_are_read(tmp_path, version):
    run = make_run(schema_version=version)
    write_record(tmp_path / "run.json", run)
    assert read_record(tmp_path / "run.json") == run
    made = make_measurement({"pytorch": [5.0, 5.1]})
    written = Measurement(msgspec.structs.replace(made.record, schema_version=version), made.blocks)
    write_measurement(tmp_path / "measurement.json", written)
    assert read_measurement(tmp_path / "measurement.json").record == written.record


def test_the_version_that_is_written_is_the_newest_that_is_read(tmp_path):
    with pytest.raises(DataError, match=f"found {SCHEMA_VERSION + 1}"):
        write_record(tmp_path / "run.json", make_record(schema_version=SCHEMA_VERSION + 1))
    write_record(tmp_path / "run.json", make_record(schema_version=SCHEMA_VERSION))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "expected mapping, found"),
        ('{"schema_version": NaN}', "NaN is no number"),
        ('{"schema_version": 1e400}', "1e400 is too large"),
        ('{"schema_version": 3}', "expected 1 or 2, found 3"),
        ("\ufeff{}", "not JSON"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(tmp_path, text, says):
    file = tmp_path / "run.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says) as refused:
        read_record(file)
    assert str(file) in str(refused.value)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"absent\.json: cannot be read"):
        read_record(tmp_path / "absent.json")


def test_a_perplexity_may_differ_from_its_loss_only_by_rounding(tmp_path):
    write_record(tmp_path / "run.json", make_record(final__perplexity=math.exp(math.log(113.6)) * (1 + 9e-7)))
    with pytest.raises(DataError, match=r"expected exp\(loss\)"):
        write_record(tmp_path / "run.json", make_record(final__perplexity=113.6 * (1 + 2e-6)))


def test_a_loss_beyond_any_perplexity_is_refused_without_a_traceback(tmp_path):
    with pytest.raises(DataError, match=r"expected exp\(loss\) = inf"):
        write_record(tmp_path / "run.json", make_record(final__loss=800.0))


def test_epochs_must_follow_one_another_from_one(tmp_path):
    with pytest.raises(DataError, match=r"\$\.history: expected epochs 1 to 2 in order, found \[1, 3\]"):
        write_record(tmp_path / "run.json", make_record(history__1__epoch=3))


def test_updates_must_grow(tmp_path):
    with pytest.raises(DataError, match="expected updates to grow"):
        write_record(tmp_path / "run.json", make_record(history__1__updates=2323))


@pytest.mark.parametrize(
    "place", ["mnist/small/pytorch/cpu/seed-1", "ptb/large/pytorch/cpu/seed-1", "ptb/small/tensorflow/cpu/seed-1",
              "ptb/small/pytorch/gpu/seed-1", "ptb/small/pytorch/cpu/seed-2"]
)  # fmt: skip
def test_a_record_in_another_runs_place_is_refused(tmp_path, place):
    with pytest.raises(DataError, match="as in its path"):
        write_record(tmp_path / "runs" / place / "run.json", make_record())

"""What is exported has the shape that each service documents, and our own JSON that of its schema."""

from __future__ import annotations

import json

import jsonschema
import pytest

from lstmbench.analysis.history import history
from lstmbench.records.bundle import Records, pack
from lstmbench.records.measurement import write_measurement
from lstmbench.records.tables import write_table
from lstmbench.reporting.export import FORMATS, rows_of, texts
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.paths import ROOT, WORKFLOW
from tests.factories.measurements import make_measurement
from tests.factories.records import CAPS, make_run, save
from tests.helpers.run_command import run_command

GITHUB_ACTION_BENCHMARK = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}
"""As its README and its reader of custom tools (src/extract.ts) say; it refuses an empty array."""

BENCHER = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {
        "^.{1,1024}$": {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {
                "^[a-z0-9-]{1,64}$": {
                    "type": "object",
                    "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
                    "required": ["value"],
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}
"""https://bencher.dev/docs/reference/bencher-metric-format, with the lengths of names and slugs that it states."""

SCHEMAS = {
    "customBiggerIsBetter.json": GITHUB_ACTION_BENCHMARK,
    "customSmallerIsBetter.json": GITHUB_ACTION_BENCHMARK,
    "bencher.json": BENCHER,
    "lstm-bench.json": json.loads((WORKFLOW / "schemas/export.schema.json").read_text(encoding="utf-8")),
}

RECORDS = Records(
    [make_run(metric=113.0), make_run(seed=2, metric=114.0), make_run("mnist", caps=CAPS)],
    [
        make_measurement({"pytorch": [5.0, 5.1, 4.9]}, versions__torch="2.13.0"),
        make_measurement({}, size="large", failures={"pytorch": "no"}),
    ],
)


def files(form: str, *records: Records) -> dict[str, object]:
    """What the files of a format hold, each held to its schema."""
    rows = rows_of(history({f"b{place}": one for place, one in enumerate(records)}, "date"))
    found = {name: json.loads(text) for name, text in texts(rows, form).items()}
    for name, content in found.items():
        jsonschema.validate(content, SCHEMAS[name])
    return found


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("machine", ["amd-epyc-2-cores", "amd-epyc-avx512-2-cores", "nvidia-h200"])
def test_the_baselines_have_the_shape_that_is_documented(form, machine, tmp_path):
    bundle = ROOT / f"results/baselines/{machine}.zip"
    run_command("export", [str(bundle), "--format", form, "--output-dir", str(tmp_path)])
    written = sorted(tmp_path.iterdir())
    assert written
    for path in written:
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), SCHEMAS[path.name])


def test_a_file_per_direction_says_of_each_value_its_unit_and_range():
    found = files("github-action-benchmark", RECORDS)
    speed, accuracy = sorted(found["customBiggerIsBetter.json"], key=lambda entry: entry["unit"], reverse=True)
    (perplexity,) = found["customSmallerIsBetter.json"]
    assert (speed["name"], speed["unit"]) == ("ptb/small/pytorch/cpu: training speed", "words/s")
    low, high = map(float, speed["range"].split(" to "))
    assert low < speed["value"] < high
    assert "Example CPU\n" in speed["extra"]
    assert (accuracy["name"], accuracy["value"]) == ("mnist/small/pytorch/cpu: test accuracy", 0.985)
    assert "range" not in accuracy  # of one seed
    assert "capped: trained for 1,562 of 30,199 updates" in accuracy["extra"]
    assert (perplexity["name"], perplexity["unit"]) == ("ptb/small/pytorch/cpu: test perplexity", "perplexity")


def test_bencher_has_the_measures_of_a_case_with_their_bounds():
    found = files("bencher", RECORDS)["bencher.json"]
    assert {case: [*measures] for case, measures in found.items()} == {
        "ptb/small/pytorch/cpu": ["throughput", "perplexity"],
        "mnist/small/pytorch/cpu": ["accuracy"],
    }
    metric = found["ptb/small/pytorch/cpu"]["perplexity"]
    assert metric["lower_value"] < metric["value"] < metric["upper_value"]
    assert found["mnist/small/pytorch/cpu"]["accuracy"] == {"value": 0.985}


def test_our_own_json_has_every_row_and_the_reason_of_a_speed_that_is_left_out():
    rows = files("json", RECORDS)["lstm-bench.json"]["rows"]
    assert [(row["dataset"], row["size"]) for row in rows] == [("mnist", "small"), ("ptb", "large"), ("ptb", "small")]
    assert (rows[1]["speed"], rows[1]["speed_verdict"]) == (None, "failed: no")


def test_a_service_gets_one_value_of_a_case_at_a_time():
    other = Records([make_run(seed=3, metric=112.0)], [])
    for form in ("bencher", "github-action-benchmark"):
        with pytest.raises(DataError, match="ptb/small/pytorch/cpu: expected one test perplexity, found several"):
            files(form, RECORDS, other)
    assert len(files("json", RECORDS, other)["lstm-bench.json"]["rows"]) == 4


def test_a_service_gets_the_complete_run_of_a_case_that_has_capped_ones_too():
    both = Records([*RECORDS.runs, make_run(seed=3, metric=130.0, caps=CAPS)], RECORDS.measurements)
    found = files("bencher", both)["bencher.json"]["ptb/small/pytorch/cpu"]
    assert [*found] == ["throughput", "perplexity"]
    assert found["perplexity"]["value"] < 115
    capped = [row["caps"] for row in files("json", both)["lstm-bench.json"]["rows"] if row["quality"]]
    assert capped.count("") == 1


def test_a_service_gets_no_empty_file():
    nothing = Records([], [make_measurement({}, failures={"pytorch": "no"})])
    with pytest.raises(DataError, match="expected a speed that may be quoted or a complete run, found none"):
        files("bencher", nothing)


def test_a_bundle_its_folder_and_the_table_of_both_export_the_same(tmp_path):
    save(tmp_path / "one", *RECORDS.runs)
    write_measurement(tmp_path / "one/measurements/ptb/small/cpu/measurement.json", RECORDS.measurements[0])
    pack(tmp_path / "one", tmp_path / "one.zip")
    write_table(tmp_path / "history.csv", history({"one": RECORDS}, "date"))
    found = []
    for source in ("one", "one.zip", "history.csv", "history.parquet"):
        words = [str(tmp_path / source), "--format", "bencher", "--output-dir", str(tmp_path / "out")]
        run_command("export", words)
        found.append((tmp_path / "out/bencher.json").read_text(encoding="utf-8"))
    assert set(found) == {found[0]}


def test_another_table_and_the_same_bundle_twice_are_refused(tmp_path):
    write_table(tmp_path / "other.csv", history({"one": RECORDS}, "date").drop(columns="recipe"))
    with pytest.raises(DataError, match=r"other\.csv: expected the table that compare --by writes"):
        run_command("export", [str(tmp_path / "other.csv"), "--format", "json", "--output-dir", str(tmp_path)])
    with pytest.raises(UsageError, match="expected different bundles, found a, a"):
        run_command("export", ["a", "a", "--format", "json", "--output-dir", str(tmp_path)])

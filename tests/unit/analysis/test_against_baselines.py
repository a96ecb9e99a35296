"""Records from here are compared with those of the baseline machines, in the cases that both have."""

from __future__ import annotations

import math

import pytest

from lstmbench.analysis import speed
from lstmbench.analysis.against_baselines import TABLES, against
from lstmbench.records.bundle import GPU_CHECK, Records, pack
from lstmbench.records.measurement import write_measurement
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting.comparison import SIDES_OF_BASELINES
from lstmbench.statistics.verdict import Kind
from tests.factories.certificates import make_certificate, save_certificate
from tests.factories.measurements import make_measurement
from tests.factories.records import make_record, save
from tests.helpers.run_command import run_command


def results(folder, factor=1.0, sizes=("small",), implementations=("pytorch",), device="cpu", **changes):
    """A results folder with runs, measurements and their tables; perplexities and speeds times ``factor``."""
    runs = [
        path
        for size in sizes
        for path in save(
            folder,
            *(
                make_record(size=size, implementation=name, device=device, metric=114.0 * factor, **changes)
                for name in implementations
            ),
        )
    ]
    measured = []
    for size in sizes:
        speeds = {name: [factor * value for value in (5.0, 5.02, 4.99)] for name in implementations}
        measured.append(make_measurement(speeds, size=size, device=device))
        write_measurement(folder / f"measurements/ptb/{size}/{device}/measurement.json", measured[-1])
    run_command("collect", ["--output-dir", str(folder / "tables"), *map(str, runs)])
    write_table(folder / "tables/speed.csv", speed.analyse(measured)["speed"])
    return folder


@pytest.fixture
def baseline(tmp_path):
    pack(results(tmp_path / "there", sizes=("small", "medium")), tmp_path / "example.zip")
    return tmp_path / "example.zip"


def compared(here, *baselines):
    run_command("against-baselines", [*map(str, baselines), "--results", str(here), "--tables", str(here / "tables")])
    return {name: read_table(here / f"tables/baseline_{name}.parquet") for name in TABLES}


def test_a_folder_stands_for_the_bundles_in_it(baseline, tmp_path):
    here = results(tmp_path / "here")
    alone = compared(here, baseline)["quality"]
    assert len(alone) == 1
    (tmp_path / "kept").mkdir()
    assert compared(here, tmp_path / "kept")["quality"].empty
    baseline.rename(tmp_path / "kept" / baseline.name)
    assert compared(here, tmp_path / "kept")["quality"].equals(alone)


def test_only_the_cases_of_both_are_compared(baseline, tmp_path):
    here = results(tmp_path / "here", factor=2.0, sizes=("small", "large"), implementations=("pytorch", "tensorflow"))
    tables = compared(here, baseline)
    for table, column, expected in (("quality", "difference", 100.0), ("speed", "ratio", 2.0)):
        (row,) = tables[table].to_dict("records")
        assert (row["bundle"], row["size"], row["implementation"]) == ("example", "small", "pytorch")
        assert row[column] == pytest.approx(expected)


def test_what_another_selection_left_in_the_folder_is_not_compared(baseline, tmp_path):
    here = results(tmp_path / "here", sizes=("small", "medium"))
    selected = results(tmp_path / "selected", sizes=("small",))
    for name in ("runs", "speed"):
        (here / f"tables/{name}.parquet").write_bytes((selected / f"tables/{name}.parquet").read_bytes())
    tables = compared(here, baseline)
    assert list(tables["quality"]["size"]) == list(tables["speed"]["size"]) == ["small"]


def test_cases_of_other_settings_are_shown_with_the_reason(baseline, tmp_path):
    here = results(tmp_path / "here", settings__preset__learning_rate=0.5)
    tables = compared(here, baseline)
    assert "learning_rate differs" in tables["quality"]["verdict"].item().reason
    assert math.isnan(tables["quality"]["difference"].item())
    text = (here / "tables/baseline_quality.md").read_text()
    assert "learning_rate differs" in text
    assert SIDES_OF_BASELINES in text


def test_many_baselines_of_the_same_speed_cry_wolf_no_more_often_than_one():
    # Slower by what alone would pass for a difference in one case of twenty.
    there, here = (
        Records([], [make_measurement({"pytorch": rates})])
        for rates in ([5.0, 5.4, 4.7, 5.2, 5.1], [4.7, 5.0, 4.3, 4.8, 4.6])
    )
    for baselines, kind in ((1, Kind.SLOWER), (40, Kind.INCONCLUSIVE)):
        table = against({f"b{place}": there for place in range(baselines)}, here)["speed"]
        assert [verdict.kind for verdict in table["verdict"]] == [kind] * baselines


@pytest.fixture
def gpu(tmp_path):
    """A bundle of a GPU without TensorFlow: no CPU rows, certificates, and the summary of the check."""
    folder = results(tmp_path / "gpu", implementations=("pytorch", "pytorch_fused"), device="gpu")
    for device in ("gpu", "gpu-bfloat16"):
        save_certificate(folder, make_certificate("pytorch", device))
    (folder / GPU_CHECK).write_text('{"steps": []}')
    pack(folder, tmp_path / "example-gpu.zip")
    return tmp_path / "example-gpu.zip"


def test_a_gpu_without_tensorflow_shares_no_case_with_a_cpu(baseline, gpu, tmp_path):
    here = results(tmp_path / "here", implementations=("pytorch", "tensorflow"))
    assert all(table.empty for table in compared(here, gpu).values())
    both = compared(here, baseline, gpu)
    assert set(both["quality"]["bundle"]) == set(both["speed"]["bundle"]) == {"example"}


def test_a_gpu_stands_beside_a_gpu_in_the_implementations_that_both_have(baseline, gpu, tmp_path):
    here = results(tmp_path / "here", factor=0.5, implementations=("pytorch_fused", "tensorflow"), device="gpu")
    tables = compared(here, baseline, gpu)
    for table, column, expected in (("quality", "difference", -50.0), ("speed", "ratio", 0.5)):
        (row,) = tables[table].to_dict("records")
        assert [row[name] for name in ("bundle", "implementation", "device")] == ["example-gpu", "pytorch_fused", "gpu"]
        assert row[column] == pytest.approx(expected)
    assert tables["circumstances"].empty


@pytest.mark.parametrize("name", ["parity/pytorch_fused/gpu.csv", GPU_CHECK])
def test_what_is_not_compared_is_not_read(gpu, tmp_path, name):
    here = results(tmp_path / "here", implementations=("pytorch_fused",), device="gpu")
    (here / name).parent.mkdir(parents=True, exist_ok=True)
    (here / name).write_text("damaged")
    assert len(compared(here, gpu)["quality"]) == 1


@pytest.mark.parametrize("there", [True, False])
def test_without_a_common_case_the_tables_are_there_and_empty(baseline, tmp_path, there):
    here = results(tmp_path / "here", sizes=("large",))
    tables = compared(here, *([baseline] if there else []))
    for name, table in tables.items():
        assert table.empty
        assert (here / f"tables/baseline_{name}.md").read_text().startswith("# ")

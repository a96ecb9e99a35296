"""Tables of the page: what would push a verdict out of sight is below them or in a table of its own."""

from __future__ import annotations

import pytest

from lstmbench.analysis.speed import analyse
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import page_tables
from tests.factories.measurements import make_measurement
from tests.factories.records import CAPS, make_failure, make_pair, make_record
from tests.factories.tables import make_tables


@pytest.fixture
def tables(tmp_path):
    """The tables of these records."""
    return lambda *records: make_tables(tmp_path, *records)


def test_a_repeated_remark_and_target_are_notes_with_the_sizes_that_they_are_about(tables):
    found = tables(*make_pair(), *make_pair(size="medium"), *make_pair(size="large", caps=CAPS))
    quality = page_tables.quality_table("quality", found["quality"])
    assert not {"remark", "source"} & {*quality.header}
    assert quality.note.count(CAPS[0]) == 1
    assert quality.note.startswith(f"Large capped: {CAPS[0]}.")
    times = page_tables.quality_table("time_to_quality", found["time_to_quality"])
    assert "source of the target" not in times.header
    assert times.note.count("The target of small and medium: ") == times.note.count("The target of large: ") == 1


def test_a_failure_below_a_table_names_whose_it_is(tables):
    failures = [make_failure(implementation="tensorflow", device=device, seed=3) for device in ("cpu", "gpu")]
    found = tables(make_record(), make_failure(implementation="tensorflow", seed=3))
    assert page_tables.quality_table("quality", found["quality"]).note.startswith(
        "Small, tensorflow: failed (seed 3): "
    )
    found = tables(make_record(), *failures)
    assert page_tables.quality_table("quality", found["quality"]).note.startswith(
        "Small, tensorflow on cpu and tensorflow on gpu: failed (seed 3): "
    )


@pytest.fixture
def speeds(tmp_path):
    """The table of speeds on the page of a measurement."""

    def build(measurement):
        write_table(tmp_path / "speed.csv", analyse([measurement])["speed"])
        return page_tables.speed_table("speed", read_table(tmp_path / "speed.csv"))

    return build


@pytest.mark.parametrize(
    ("blocks", "disturbances", "expected"),
    [
        (8, [], "good"),
        (4, [], "good; not proven steady"),
        (8, ["steal 4.5 % > 1.0 %"], "good; disturbed"),
    ],
)
def test_a_verdict_on_a_speed_names_the_kinds_of_reasons_against_it(speeds, blocks, disturbances, expected):
    measured = make_measurement({"pytorch": [10.0, 10.1]}, blocks=blocks, disturbances=disturbances)
    table = speeds(measured)
    assert [row[table.header.index("verdict")] for row in table.rows] == [expected]
    assert table.note.endswith(page_tables.REASONS)


def test_a_verdict_on_a_speed_keeps_its_number_and_a_failure_only_its_kind(speeds):
    measured = make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"})
    measured.blocks.loc[::2, "seconds"] *= 1.6
    table = speeds(measured)
    scattered, failed = (row[table.header.index("verdict")] for row in table.rows)
    assert scattered.startswith("blocks spread by ")
    assert scattered.endswith(" %")
    assert failed == "failed"


def test_a_machine_is_described_once_and_every_case_names_its_machine(tables):
    records = [*make_pair(), make_record("mnist", machine__cpu="Another CPU")]
    found = page_tables.machines_and_libraries(tables(*records)["environment"])
    machines, libraries = found["Machines"], found["Libraries"]
    assert len(machines.rows) == 2
    assert len(libraries.rows) == 3
    assert {row[0] for row in machines.rows} == {row[0] for row in libraries.rows} == {"1", "2"}
    assert {*machines.header} & {*libraries.header} == {"machine"}

"""The figures of speed: drawn of whatever there is, and the same again."""

from __future__ import annotations

import pytest

from lstmbench import plot_speed
from lstmbench.analyse import analyse
from lstmbench.tables import write_table
from tests.unit.measurements import make_measurement


@pytest.fixture
def draw(tmp_path):
    def run(*measurements, folder="figures"):
        for name, table in analyse(measurements).items():
            write_table(tmp_path / f"{name}.csv", table)
        plot_speed.main(["--tables", str(tmp_path), "--output-dir", str(tmp_path / folder)])
        return {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}

    return run


def test_every_data_set_has_both_figures_in_both_formats(draw):
    found = draw(make_measurement({"pytorch": [10.0]}), make_measurement({"pytorch": [9.0]}, dataset="mnist"))
    assert set(found) == {
        f"{kind}_{dataset}.{suffix}"
        for kind in ("ceiling", "anatomy")
        for dataset in ("ptb", "mnist")
        for suffix in ("svg", "png")
    }


def test_failed_cells_missing_intervals_and_sizes_of_their_own_are_drawn(draw):
    draw(
        make_measurement({"pytorch": [10.0], "tensorflow": [5.0, 5.1]}, failures={"tensorflow_fused": "no GPU"}),
        make_measurement({"pytorch": [1.0, 1.1]}, size="large"),
        make_measurement({}, size="medium", failures={"pytorch": "out of memory"}),
    )


def test_the_same_measurements_give_the_same_bytes(draw):
    measurement = make_measurement({"pytorch": [10.0, 10.1], "tensorflow": [5.0, 5.1]})
    assert draw(measurement) == draw(measurement, folder="again")


def test_another_speed_gives_another_figure(draw):
    first = draw(make_measurement({"pytorch": [10.0, 10.1]}))
    second = draw(make_measurement({"pytorch": [12.0, 12.1]}), folder="again")
    assert first["ceiling_ptb.svg"] != second["ceiling_ptb.svg"]

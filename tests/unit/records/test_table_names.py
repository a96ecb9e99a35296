"""The Snakefile asks for the tables that the commands write, for all of them and for no others."""

from __future__ import annotations

from lstmbench.analysis.against_baselines import against
from lstmbench.analysis.comparison import Records
from lstmbench.analysis.runs import collect
from lstmbench.analysis.speed import analyse
from lstmbench.records import table_names
from lstmbench.reporting import quality, speed
from tests.factories.records import make_record, save


def test_collect_writes_the_tables_that_are_named(tmp_path):
    assert tuple(collect(save(tmp_path, make_record()))) == table_names.COLLECTED


def test_the_tables_of_quality_are_those_that_are_named():
    assert tuple(quality.TITLES) == table_names.QUALITY


def test_the_tables_of_speed_are_those_that_are_named():
    assert tuple(analyse([])) == table_names.SPEED
    assert set(speed.TITLES) == set(table_names.SPEED_SHOWN)


def test_the_tables_beside_the_baselines_are_those_that_are_named():
    here = Records(runs=[], measurements=[])
    assert tuple(f"baseline_{name}" for name in against({}, here)) == table_names.AGAINST_BASELINES

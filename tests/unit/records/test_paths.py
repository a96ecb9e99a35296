"""Every record has one path, and its path says what it is of."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.records.paths import BLOCKS, CERTIFICATE, MEASUREMENT, RUN, glob, parts_of
from lstmbench.utils.fields import Name
from tests.factories.values import values_of

PATTERNS = [RUN, MEASUREMENT, BLOCKS, CERTIFICATE]
NAMES = values_of(Name)
SEEDS = st.integers(min_value=0).map(str)


def parts(pattern):
    """Any parts of a path of this pattern."""
    names = re.findall(r"\{(\w+)\}", pattern)
    return st.fixed_dictionaries({name: SEEDS if name == "seed" else NAMES for name in names})


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("folder", ["", "results", "/elsewhere/runs/ptb"])
@given(data=st.data())
def test_the_parts_of_a_path_are_read_back_wherever_its_folder_is(pattern, folder, data):
    drawn = data.draw(parts(pattern))
    path = PurePosixPath(folder, pattern.format(**drawn))
    assert parts_of(path, pattern) == drawn
    assert [other for other in PATTERNS if parts_of(path, other)] == [pattern]
    assert PurePosixPath(pattern.format(**drawn)).match(glob(pattern))


@pytest.mark.parametrize(
    "path",
    [
        "runs/ptb/small/pytorch/cpu/seed-1/run.json.part",
        "runs/ptb/small/pytorch/cpu/seed-x/run.json",
        "runs/ptb/small/pytorch/cpu/run.json",
        "runs/ptb/Small/pytorch/cpu/seed-1/run.json",
        "runs/ptb/small/extra/pytorch/cpu/seed-1/run.json",
        "other-runs/ptb/small/pytorch/cpu/seed-1/run.json",
        "runs/ptb/small/pytorch/cpu/seed-1/run_json",
    ],
)
def test_another_path_has_no_parts(path):
    assert parts_of(PurePosixPath("results", path), RUN) == {}

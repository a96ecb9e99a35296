"""Every implementation drops the same places, with the same probability and scale."""

from __future__ import annotations

import pytest

from lstmbench.parity.comparison import Build
from tests.helpers.dropout import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_dropout(build: Build, check):
    check(build)

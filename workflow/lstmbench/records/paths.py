"""Define where each record is in a folder of results, and the columns that name what it is of; nothing else does.

The parts in braces are the wildcards of the workflow.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePath

from lstmbench.utils.fields import NAME

RUN = "runs/{dataset}/{size}/{implementation}/{device}/seed-{seed}/run.json"
MEASUREMENT = "measurements/{dataset}/{size}/{device}/measurement.json"
BLOCKS = "measurements/{dataset}/{size}/{device}/blocks.parquet"
CERTIFICATE = "parity/{implementation}/{device}.csv"

SIZE_COLUMNS = ["dataset", "size"]
GROUP_COLUMNS = [*SIZE_COLUMNS, "device"]
CASE_COLUMNS = [*SIZE_COLUMNS, "implementation", "device"]
RUN_COLUMNS = [*CASE_COLUMNS, "seed"]
"""What names a size of a data set, a group of cases to compare, a case, and a run, in this order everywhere."""

_WILDCARD = re.compile(r"\{(\w+)\}")
_SEED = r"\d+"


def glob(path: str) -> str:
    """Return the pattern of all files at a path with wildcards."""
    return _WILDCARD.sub("*", path)


@cache
def regex(path: str) -> re.Pattern[str]:
    """Return the expression of a path with wildcards, with a group for each."""
    parts = [
        rf"(?P<{part}>{_SEED if part == 'seed' else NAME})" if place % 2 else re.escape(part)
        for place, part in enumerate(_WILDCARD.split(path))
    ]
    return re.compile("".join(parts))


def parts_of(path: PurePath, pattern: str) -> dict[str, str]:
    """Return the wildcards of ``pattern`` in the end of ``path``; empty if it ends otherwise."""
    match = _at_the_end(pattern).search(path.as_posix())
    return match.groupdict() if match else {}


@cache  # collecting asks it for every record
def _at_the_end(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(^|/){regex(pattern).pattern}$")

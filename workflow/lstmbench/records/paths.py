"""Define where each record is in a folder of results, and the columns that name what it is of; nothing else does.

The parts in braces are the wildcards of the workflow.
"""

from __future__ import annotations

import re
from pathlib import PurePath

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
_PART = r"[a-z0-9][a-z0-9._-]{0,63}"
_SEED = r"\d+"


def glob(path: str) -> str:
    """Return the pattern of all files at a path with wildcards."""
    return _WILDCARD.sub("*", path)


def regex(path: str) -> re.Pattern[str]:
    """Return the expression of a path with wildcards, with a group for each."""
    parts = [
        rf"(?P<{part}>{_SEED if part == 'seed' else _PART})" if place % 2 else re.escape(part)
        for place, part in enumerate(_WILDCARD.split(path))
    ]
    return re.compile("".join(parts))


def parts_of(path: PurePath, pattern: str) -> dict[str, str]:
    """Return the wildcards of ``pattern`` in the end of ``path``; empty if it ends otherwise."""
    match = re.search(rf"(^|/){regex(pattern).pattern}$", path.as_posix())
    return match.groupdict() if match else {}

"""Define the types of single values in what is written and read, and the base of types with several values.

``msgspec`` checks values against these types when a file is read (``utils.conversion``) and derives the schemas in
``workflow/schemas`` from them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class StrictStruct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold values that never change; reading one refuses a key that it does not have.

    A derived type repeats ``frozen=True``, because mypy asks for it.
    """


NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
"""The expression of a name that is safe in paths and tables."""

# ``(?!\n)$`` because Python's ``$`` also matches before a line end.
Name = Annotated[str, Meta(pattern=rf"^{NAME}(?!\n)$")]
"""A name that is safe in paths and tables."""

Text = Annotated[str, Meta(pattern=r"^([^=+@\x00-\x1f\x7f-][^\x00-\x1f\x7f]*)?(?!\n)$")]
"""One line that no spreadsheet takes for a formula."""

Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$")]
"""One line."""

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
"""A sha256 in hex."""

Commit = Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}(?!\n)$")]
"""A git commit in hex."""

Time = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})(?!\n)$")]
"""Date and time in ISO 8601, to the second or finer, with an offset from UTC."""

VariableName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,128}(?!\n)$")]
"""The name of an environment variable."""

LibraryName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}(?!\n)$")]
"""The name of a library."""

Number = Annotated[int, Meta(ge=1)]
"""A whole number from 1: of an epoch or round, or a count of what there must be."""

Count = Annotated[int, Meta(ge=0)]
"""A whole number from 0."""

MAX_SEED = 2**31 - 1
"""The largest random seed: every framework takes it, and JSON holds it exactly."""

Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]
"""A random seed."""

NonNegative = Annotated[float, Meta(ge=0)]
"""A finite number from 0, such as seconds or a loss."""

Positive = Annotated[float, Meta(gt=0)]
"""A finite number above 0."""

Share = Annotated[float, Meta(ge=0, le=1)]
"""A share from 0 to 1."""

Perplexity = Annotated[float, Meta(ge=1)]
"""A perplexity."""

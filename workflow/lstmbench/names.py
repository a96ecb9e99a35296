"""Names a user may choose from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lstmbench.errors import UsageError


def require_known(kind: str, name: str, known: Iterable[str], where: str = "") -> None:
    """Refuse a name that is not known, with the nearest one and the list of all.

    Raises:
        UsageError: one line.
    """
    known = list(known)
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UsageError(f"{where}unknown {kind} {name!r}{hint}; known: {', '.join(known) or 'none'}")

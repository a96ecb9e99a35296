"""Check names that a user may choose from, and folders that a user names."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from lstmbench.utils.errors import UsageError

MOST_LISTED = 40
"""Names that a message lists."""


def require_known(kind: str, name: str, known: Iterable[str], where: str = "") -> None:
    """Refuse an unknown name; the message has the nearest known one and the list of all.

    Raises:
        UsageError: one line.
    """
    known = list(known)
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        more = f", ... ({len(known):,} in all)" if len(known) > MOST_LISTED else ""
        listed = ", ".join(known[:MOST_LISTED]) or "none"
        raise UsageError(f"{where}unknown {kind} {name!r}{hint}; known: {listed}{more}")


def require_folder(kind: str, name: str | Path) -> Path:
    """Return the folder that ``name`` means, ``~`` a home; refuse a missing one, with the nearest that exists.

    Raises:
        UsageError: one line.
    """
    # os.path accepts any text; Path raises an error for the home of an unknown user, and for a name that is too long.
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    if os.path.isdir(path):  # noqa: PTH112
        return path
    there = next((parent for parent in path.parents if os.path.isdir(parent)), Path())  # noqa: PTH112
    wanted, *rest = path.parts[len(there.parts) :]
    near = difflib.get_close_matches(wanted, _folders_in(there), n=1)
    hint = f" (did you mean {str(there.joinpath(near[0], *rest))!r}?)" if near else ""
    found = "a file" if os.path.isfile(path) else "nothing"  # noqa: PTH113
    raise UsageError(f"{kind} {str(name)!r}: expected a folder, found {found} at {str(path.absolute())!r}{hint}")


def _folders_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir())
    except OSError:  # not ours to read
        return []

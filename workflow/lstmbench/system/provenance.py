"""Find the commit of the code that computes a number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lstmbench.utils.paths import ROOT


def commit() -> tuple[str | None, bool]:
    """Return the commit of this checkout, and whether tracked files differ from it; None if ``ROOT`` is not its top.

    A copy without its own repository may be inside another repository, whose commit says nothing about the copy.
    """
    try:
        top = _git("rev-parse", "--show-toplevel").removesuffix("\n")
        if not Path(top).samefile(ROOT):
            return None, False
        head = _git("rev-parse", "HEAD").strip()
        return head, bool(_git("status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.CalledProcessError):
        return None, False


def _git(*arguments: str) -> str:
    """Run a git command in ``ROOT``, without writing and without regard to the user's GIT variables."""
    # GIT_CONFIG_* stays, because it may say which folders to trust.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    return subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        env={**own, "GIT_OPTIONAL_LOCKS": "0"},
        capture_output=True,
        encoding=sys.getfilesystemencoding(),
        errors="surrogateescape",
        check=True,
    ).stdout

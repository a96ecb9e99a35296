"""Find the commit of the code that computes a number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lstmbench.utils.paths import ROOT


def commit() -> tuple[str | None, bool]:
    """The commit of this checkout, and whether tracked files differ from it; none if ``ROOT`` is not a checkout's top.

    A copy without a repository of its own may lie in somebody else's, whose commit says nothing about it.
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
    """Ask git about ``ROOT``, whatever repository the user's variables name; it writes nothing."""
    # GIT_CONFIG_*: may say which folders to trust.
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

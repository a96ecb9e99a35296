"""Mend a virtual environment that was moved: its scripts name the Python of the old folder.

``make`` runs this with the environment's own Python, which works wherever the folder is.  Nothing is downloaded.
"""

import os
import re
import sys
from pathlib import Path

HERE = Path(sys.executable).parent

# How pip begins a script; the second form is for a path that has a space or is long.
PYTHON = re.compile(r"""\A#!(?:/bin/sh\n'''exec' "?)?(?P<folder>/[^\n"]*)/python[\d.]*""")

MAX_BYTES = 127
"""Bytes that Linux reads of a first line."""


def elsewhere(folder: Path) -> bool:
    """Return whether this is the folder of another environment, or is gone; the system's Python is neither."""
    if not folder.exists():
        return True
    return (folder.parent / "pyvenv.cfg").exists() and not folder.samefile(HERE)


def mended(text: str, old: Path) -> str:
    """Return a script with the present folder in place of ``old``."""
    text = re.sub(rf"{re.escape(str(old.parent))}(?=[/\"'\s:;]|$)", lambda _: str(HERE.parent), text)
    first, _, rest = text.partition("\n")
    if first.startswith(f"#!{HERE}/") and (" " in str(HERE) or len(os.fsencode(first)) > MAX_BYTES):
        return f"#!/bin/sh\n'''exec' \"{first[2:]}\" \"$0\" \"$@\"\n' '''\n{rest}"
    return text


def main() -> None:
    """Mend the environment of the Python that runs this."""
    scripts = {}
    for path in sorted(HERE.iterdir()):
        if path.is_file() and not path.is_symlink() and b"\0" not in path.read_bytes():
            scripts[path] = path.read_text(encoding="utf-8", errors="surrogateescape")
    found = {Path(match["folder"]) for match in map(PYTHON.match, scripts.values()) if match}
    for old in sorted(folder for folder in found if elsewhere(folder)):
        for path, text in scripts.items():
            scripts[path] = mended(text, old)
            if scripts[path] != text:
                temporary = path.with_name(f".{path.name}.mended")
                temporary.write_text(scripts[path], encoding="utf-8", errors="surrogateescape")
                temporary.chmod(path.stat().st_mode)
                temporary.replace(path)
        print(f"{HERE.parent}: moved from {old.parent}; its scripts now run the Python here")
    mend_checkout()


def mend_checkout() -> None:
    """Let the environment find the package in this checkout, where it was installed from another folder."""
    for path in HERE.parent.glob("lib/python3*/site-packages/__editable__.lstm_bench-*.pth"):
        found = path.read_text(encoding="utf-8").strip()
        if found != str(Path.cwd() / "workflow") and not Path(found).exists():
            path.write_text(f"{Path.cwd() / 'workflow'}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

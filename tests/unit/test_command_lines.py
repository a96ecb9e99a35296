"""Every command line starts in whatever Python a user's environment makes of it."""

from __future__ import annotations

import os
import subprocess
import sys

HELP = """
import contextlib, importlib, io, pkgutil
import lstmbench

names = [found.name for found in pkgutil.iter_modules(lstmbench.__path__) if not found.ispkg]
for name in [*names, "gpu_check.__main__"]:
    main = getattr(importlib.import_module(f"lstmbench.{name}"), "main", None)
    if main is not None:
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
            main(["--help"])
        print(name, told.getvalue().split(maxsplit=1)[0])
"""


def test_every_command_line_starts_in_a_python_that_drops_docstrings():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONOPTIMIZE": "2"}
    done = subprocess.run([sys.executable, "-c", HELP], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    started = dict(line.split() for line in done.stdout.splitlines())
    assert set(started.values()) == {"usage:"}
    assert {"download", "prepare", "train", "report", "gpu_check.__main__"} <= set(started)

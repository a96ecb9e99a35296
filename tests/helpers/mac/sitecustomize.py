"""Let each Python process whose PYTHONPATH has this folder see a Mac, and nothing that only Linux has.

psutil's own reading of the system stays, with what it answers on macOS.
"""

import builtins
import ctypes
import io
import os
import pathlib
import platform
import resource
import sys
from collections import namedtuple

HERE = pathlib.Path(__file__).parent
NO_FILES = ("/proc", "/sys", "/dev/shm", "/etc/os-release")


def refuse(path):
    """Raise what a Mac does for a file that only Linux has, unless psutil asks."""
    asked_by = sys._getframe(2).f_globals.get("__name__", "")
    if isinstance(path, str | os.PathLike) and str(path).startswith(NO_FILES) and not asked_by.startswith("psutil"):
        raise FileNotFoundError(2, "No such file or directory", str(path))


def guarded(function):
    def opened(path, *arguments, **options):
        refuse(path)
        return function(path, *arguments, **options)

    return opened


def answered(function, answer):
    """Answer the package and its tests; the libraries here are built for the system that is really here."""

    def told(*arguments, **options):
        asked_by = sys._getframe(1).f_globals.get("__name__", "")
        return answer if asked_by.startswith("lstmbench") else function(*arguments, **options)

    return told


def main():
    os.environ["PATH"] = os.pathsep.join([str(HERE / "bin"), os.environ.get("PATH", "")])
    answers = {"system": "Darwin", "release": "24.6.0", "machine": "arm64", "libc_ver": ("", "")}
    for name, answer in answers.items():
        setattr(platform, name, answered(getattr(platform, name), answer))
    for name in ("sched_getaffinity", "sched_setaffinity", "process_cpu_count"):
        if hasattr(os, name):
            delattr(os, name)
    builtins.open = io.open = guarded(io.open)
    os.open, os.listdir, os.scandir = guarded(os.open), guarded(os.listdir), guarded(os.scandir)

    asked = resource.getrusage
    fields = namedtuple("usage", [name for name in dir(asked(0)) if name.startswith("ru_")])
    resource.getrusage = lambda who: fields(
        **{name: getattr(asked(who), name) * (1024 if name == "ru_maxrss" else 1) for name in fields._fields}
    )

    class Library(ctypes.CDLL):
        """The libraries of the process, of which Apple's C library has no mallopt."""

        def __getattr__(self, name):
            if name == "mallopt":
                raise AttributeError(name)
            return super().__getattr__(name)

    ctypes.CDLL = Library

    import psutil

    times = namedtuple("scputimes", ["user", "nice", "system", "idle"])
    counted = psutil.cpu_times
    psutil.cpu_times = lambda percpu=False: times(*counted()[:4])

    def denied(self, *_):
        raise psutil.AccessDenied(self.pid)

    psutil.Process.threads = denied
    del psutil.Process.cpu_affinity


main()

"""The errors a user can meet, each with the exit code a command ends with."""

from __future__ import annotations


class BenchError(Exception):
    """Something the user can act on: printed as one message, without a traceback."""

    exit_code = 1


class UsageError(BenchError):
    """A wrong configuration, preset or command line."""

    exit_code = 2


class DataError(BenchError):
    """A file whose content is not what it should be."""

    exit_code = 3


class MachineError(BenchError):
    """The machine or its software cannot do what was asked: no GPU, a framework not installed."""

    exit_code = 4


class DivergedError(BenchError):
    """The loss is no longer a finite number."""

    exit_code = 5


class LockedError(BenchError):
    """Another process works on the same run."""

    exit_code = 8


class Interrupted(BenchError):
    """The process was asked to stop, and has saved what it had: the same command goes on from there."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class NetworkError(BenchError):
    """No source of a file could be reached."""

    exit_code = 7

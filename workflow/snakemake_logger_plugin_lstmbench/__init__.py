"""Show a run on the terminal: a line per finished job, what is left, and every error; `snakemake --logger lstmbench`.

Snakemake finds this by its name after `make` has installed the project.  Snakemake's own log, .snakemake/log, still
holds everything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from lstmbench.orchestration.terminal import Job

HIDDEN = frozenset(LogEvent) - {LogEvent.ERROR}
"""Events that are not printed as they come, because our own lines or the log have their content."""

NOISE = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Conda environments: ignored",
    "Config file ",
    "DAG of jobs will be updated",
    "Elapsed time",
    "Group jobs: inactive",
    "Processed ",
    "Select jobs to execute",
    "Singularity containers: ignored",
    "Updating checkpoint dependencies",
    "Updating jobs with",
    "Using shell",
)
"""Beginnings of messages that do not help a user.  Unknown messages are printed, so nothing is hidden by mistake."""

LOG = "Complete log(s): "
NOTHING = "Nothing to be done"


class LogHandler(LogHandlerBase):
    """Turn Snakemake's events into lines for people; print a dry run as Snakemake does."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        # Not earlier: Snakemake imports every plugin that it finds, also for the workflow of another checkout, which
        # must find its own package.
        from lstmbench.orchestration.terminal import Job, Terminal

        self._job, self._terminal = Job, Terminal()
        self._closing: Callable[[], str | None] = lambda: None

    def expect(self, jobs: Iterable[Job]) -> None:
        """Take the jobs that are to run, before the first of them starts."""
        self._terminal.expect(jobs)

    def close_with(self, closing: Callable[[], str | None]) -> None:
        """Print what ``closing`` returns at the end, if all went well."""
        self._closing = closing

    def succeed(self) -> None:
        """Note that all jobs ended well."""
        self._terminal.succeeded = True

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        try:
            self._show(record)
        except Exception:
            self.handleError(record)

    def _show(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if self.common_settings.dryrun:
            print(self.format(record), flush=True)
        elif event == LogEvent.JOB_INFO:
            description = record.rule_msg or record.rule_name
            job = self._job(record.rule_name, dict(record.wildcards or {}))
            self._terminal.start(record.jobid, job, description, record.log)
        elif event == LogEvent.JOB_FINISHED:
            self._terminal.finish(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self._terminal.fail(record.jobid, record.rule_name, record.log)
        elif event == LogEvent.PROGRESS:
            self._terminal.count(record.total)
        elif event == LogEvent.ERROR:
            # The job's own error reports that its command failed, with the reason.
            if record.exception != "RuleException" or "CalledProcessError" not in str(record.msg):
                self._terminal.say(self.format(record))
        elif str(record.msg).startswith(NOTHING):
            self._terminal.succeeded = True
            self._terminal.say("Everything is made already.")
        elif event in HIDDEN or str(record.msg).startswith(NOISE):
            pass
        elif str(record.msg).startswith(LOG):
            self._terminal.log = str(record.msg).removeprefix(LOG)
        else:
            self._terminal.say(self.format(record))

    def close(self) -> None:
        """Print what comes last: the closing table, or what failed."""
        if not self.common_settings.dryrun:
            self._terminal.close(self._closing)
        super().close()

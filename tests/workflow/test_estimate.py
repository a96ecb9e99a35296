"""The time that a command will take is said once: as its first job starts."""

from __future__ import annotations

import pytest

RESULTS = "results/estimated"
RUN = f"{RESULTS}/runs/markov/tiny/reference/cpu/seed-1/run.json"
SAID = ("This will take about ", "How long this will take is unknown")


def estimates(done):
    """The lines about time in a command's output."""
    assert done.returncode == 0, done.stdout
    return [line for line in done.stdout.splitlines() if line.startswith(SAID)]


def test_one_line_says_what_the_jobs_will_take_and_later_commands_have_none(workdir):
    (line,) = estimates(workdir.snakemake(RUN, results=RESULTS))
    assert line.startswith("This will take about ")
    assert " on this machine: 1 run (estimated from " in line
    assert not estimates(workdir.snakemake(RUN, results=RESULTS))
    assert not estimates(workdir.snakemake(RUN, "--touch", "--forcerun", "train", results=RESULTS))


@pytest.mark.parametrize("reads", ["--dry-run", "--summary", "--touch"])
def test_a_command_that_executes_nothing_estimates_nothing(workdir, reads):
    assert not estimates(workdir.snakemake(reads, results="results/tiny"))

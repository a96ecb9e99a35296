"""What the terminal shows of a run, with a clock that the tests set."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from lstmbench.orchestration.terminal import Job, Terminal, in_words, remaining
from snakemake_logger_plugin_lstmbench import LogHandler

SMALL, LARGE, TOOL = (
    ("train", "ptb", "small", "pytorch", "cpu"),
    ("train", "ptb", "large", "pytorch", "cpu"),
    ("plot", None, None, None, None),
)


def test_what_is_left_goes_by_the_jobs_of_a_kind_that_ended():
    ended = {SMALL: [10.0, 20.0], TOOL: [4.0]}
    assert remaining({SMALL: 3, TOOL: 1}, {}, ended, [], wall=34.0) == (3 * 15.0 + 4.0, True)


def test_what_already_ran_of_a_running_job_is_not_left_and_never_more_than_it_takes():
    left, known = remaining({SMALL: 2}, {}, {SMALL: [10.0]}, [(SMALL, 4.0), (SMALL, 100.0)], wall=1e9)
    assert (left, known) == (6.0, True)


def test_jobs_that_ran_side_by_side_will_do_so():
    assert remaining({SMALL: 4}, {}, {SMALL: [10.0] * 4}, [], wall=20.0) == (20.0, True)


def test_a_kind_of_which_nothing_has_ended_goes_by_the_plan_and_without_one_is_not_known():
    ended = {SMALL: [10.0]}
    assert remaining({SMALL: 1, LARGE: 2}, {LARGE: 500.0}, ended, [], wall=10.0) == (1010.0, True)
    assert remaining({SMALL: 1, LARGE: 2}, {}, ended, [], wall=10.0) == (10.0, False)
    # The plan counts no more once there is something better.
    assert remaining({LARGE: 1}, {LARGE: 500.0}, {LARGE: [70.0]}, [], wall=70.0) == (70.0, True)


@pytest.mark.parametrize(
    ("seconds", "known", "words"),
    [
        (20, True, "less than a minute left"),
        (0, False, "time left not known yet"),
        (20, False, "at least 20 s left"),
        (75, True, "about 1 min left"),
        (130, True, "about 2 min left"),
        (130, False, "at least 2 min left"),
        (7200, True, "about 2.0 hours left"),
        (3 * 86_400, True, "about 3.0 days left"),
    ],
)
def test_the_time_left_is_said_as_roughly_as_it_is_known(seconds, known, words):
    assert in_words(seconds, known) == words


@pytest.fixture
def clock():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def terminal(clock):
    return Terminal(clock=lambda: clock.now)


def train(seed):
    return Job("train", {"dataset": "ptb", "size": "small", "implementation": "pytorch", "seed": str(seed)})


def test_each_finished_job_is_one_line_with_what_is_left(terminal, clock, capsys):
    terminal.expect([train(1), train(2), train(3)])
    for seed in (1, 2, 3):
        terminal.start(seed, train(seed), f"Training seed {seed}", [f"log-{seed}"])
        clock.now += 120
        terminal.finish(seed)
    terminal.start(9, Job("all"), "all", [])
    terminal.finish(9)
    assert capsys.readouterr().err.splitlines() == [
        "3 jobs to run; their full log: .snakemake/log",
        "1 of 3 done, about 4 min left: Training seed 1, 120 s",
        "2 of 3 done, about 2 min left: Training seed 2, 120 s",
        "3 of 3 done: Training seed 3, 120 s",
    ]


def chain(*needs, planned=60.0):
    """Training runs of one size each, each of which needs the jobs of these numbers."""
    return [
        Job("train", {"dataset": "ptb", "size": f"size-{number}"}, planned, number, frozenset(of_one))
        for number, of_one in enumerate(needs, start=1)
    ]


def last_line(capsys):
    return capsys.readouterr().err.splitlines()[-1]


def test_what_failed_and_what_needs_it_is_not_left(terminal, clock, capsys):
    first, second, third, fourth, fifth = jobs = chain([], [], [2], [1, 3], [], planned=1200.0)
    terminal.expect(jobs)
    terminal.start(2, second, "second", ["log-2"])
    terminal.fail(2, "train", ["log-2"])
    terminal.start(1, first, "first", ["log-1"])
    clock.now += 1200
    terminal.finish(1)
    assert last_line(capsys) == "1 of 5 done, about 20 min left: first, 1200 s"  # the fifth alone
    # Once it is tried again, what needs it may run.
    terminal.start(2, second, "second", ["log-2"])
    terminal.start(5, fifth, "fifth", ["log-5"])
    clock.now += 1200
    terminal.finish(5)
    assert last_line(capsys).startswith("2 of 5 done, about 27 min left")
    assert third.needs == {2}
    assert fourth.needs == {1, 3}


def test_cases_of_other_threads_workers_or_precisions_have_a_plan_of_their_own(terminal, clock, capsys):
    case = {"dataset": "ptb", "size": "small", "implementation": "pytorch"}
    slow, fast = (
        Job("train", {**case, "device": name}, planned) for name, planned in (("cpu-t1", 7200.0), ("cpu-t4", 600.0))
    )
    tool = Job("plot")
    terminal.expect([slow, fast, tool])
    terminal.start(9, tool, "plot", ["log"])
    clock.now += 1
    terminal.finish(9)
    assert "about 2.2 hours left" in last_line(capsys)


LOG = """\
epoch 1
error: E3-DATA: a.csv: damaged; expected a number; found nothing
Traceback
"""


def test_a_failed_job_is_named_with_its_reason_in_a_sentence_and_its_log_at_once_and_again_at_the_end(
    terminal, tmp_path, capsys
):
    log = tmp_path / "train.log"
    log.write_text(LOG, encoding="utf-8")
    terminal.expect([train(1), train(2)])
    terminal.start(1, train(1), "Training seed 1", [str(log)])
    terminal.fail(1, "train", [str(log)])
    output = ["FAILED: Training seed 1", "    E3-DATA: a.csv: damaged", f"    its log: {log}"]
    assert capsys.readouterr().err.splitlines()[1:] == output
    terminal.close(lambda: "the table of yesterday\n")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[1:4] == output


def test_a_job_that_failed_and_was_tried_again_well_has_not_failed(terminal, tmp_path, capsys):
    log = tmp_path / "train.log"
    log.write_text(LOG, encoding="utf-8")
    terminal.expect([train(1)])
    terminal.start(1, train(1), "Training seed 1", [str(log)])
    terminal.fail(1, "train", [str(log)])
    log.write_text("", encoding="utf-8")
    terminal.start(1, train(1), "Training seed 1", [str(log)])
    terminal.finish(1)
    terminal.succeeded = True
    capsys.readouterr()
    terminal.close(lambda: "the table\n")
    printed = capsys.readouterr()
    assert printed.out == "\nthe table\n"
    assert "FAILED" not in printed.err


def test_a_run_that_failed_and_became_a_row_is_said_to_have_failed(terminal, tmp_path, capsys):
    log = tmp_path / "train.log"
    log.write_text("error: E5-DIVERGED: the loss is nan; found nan\n", encoding="utf-8")
    terminal.expect([train(1)])
    terminal.start(1, train(1), "Training seed 1", [str(log)])
    terminal.finish(1)
    assert capsys.readouterr().err.splitlines()[1:] == [
        "1 of 1 done: FAILED: Training seed 1",
        "    E5-DIVERGED: the loss is nan",
        f"    its log: {log}",
    ]


def test_what_an_environment_adds_counts_too(terminal, capsys):
    terminal.expect([train(1)])
    terminal.count(2)
    terminal.count(5)
    terminal.start(1, train(1), "Training seed 1", ["log"])
    terminal.finish(1)
    assert "1 of 4 done" in capsys.readouterr().err


def handler(**changes):
    settings = {"dryrun": False, "quiet": set(), "verbose": False, "debug_dag": False, "printshellcmds": True}
    made = LogHandler(SimpleNamespace(**{**settings, **changes}), None)
    made.addFilter(DefaultFilter(set(), False, False, settings["dryrun"], True))
    made.setFormatter(DefaultFormatter())
    return made


def send(to, text, level=logging.INFO, **extra):
    record = logging.LogRecord("snakemake", level, __file__, 1, text, None, None)
    record.__dict__.update(extra)
    to.handle(record)


def test_no_message_is_hidden_but_those_that_are_known_to_tell_nothing(capsys):
    shown = handler()
    send(shown, "Building DAG of jobs...")
    send(shown, "Shell command: python", event=LogEvent.SHELLCMD)
    assert capsys.readouterr().err == ""
    send(shown, "Terminating processes on user request, this might take some time.")
    send(shown, "a disk is full", level=logging.WARNING)
    send(
        shown, "MissingInputException: no file", logging.ERROR, event=LogEvent.ERROR, exception="MissingInputException"
    )
    output = capsys.readouterr().err
    assert "Terminating processes" in output
    assert "a disk is full" in output
    assert "MissingInputException: no file" in output


def test_a_dry_run_is_shown_as_snakemake_shows_it(capsys):
    send(handler(dryrun=True), "Building DAG of jobs...")
    assert capsys.readouterr().out == "Building DAG of jobs...\n"


def test_with_nothing_to_do_the_table_is_shown_all_the_same(capsys):
    shown = handler()
    shown.close_with(lambda: "the table\n")
    send(shown, "Nothing to be done (all requested files are present and up to date).")
    shown.close()
    assert capsys.readouterr().out == "\nthe table\n"

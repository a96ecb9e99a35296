"""A log's last error explains why a process ended."""

from __future__ import annotations

import ast
import errno
import os
import re

import pytest

from lstmbench.models.presets import load_preset
from lstmbench.utils.errors import as_bench_error, last_error, last_error_in
from lstmbench.utils.files import write_text
from lstmbench.utils.paths import PACKAGE


@pytest.mark.parametrize(
    ("log", "found"),
    [
        (["error: E6-RESOURCES: of a worker", "error: E9-WORKER: a worker is lost"], "E9-WORKER: a worker is lost"),
        (["error: E4-MACHINE: no GPU", "Exception ignored in: <function>"], "E4-MACHINE: no GPU"),
        (["Traceback", "  File x", "KeyError: 'x'", "", "   "], "KeyError: 'x'"),
        (["a library's Error: none of ours", "last"], "last"),
        (["error:   two\t words\x1b "], r"two words\x1b"),
        ([], "no message"),
        (["", " "], "no message"),
    ],
)
def test_the_last_line_that_begins_with_error_counts_and_else_the_last_line(log, found):
    assert last_error(log) == found


def test_a_log_of_any_bytes_is_read(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\nerror: E3-DATA: \xff\n")
    assert last_error_in(log) == "E3-DATA: \ufffd"


def test_nothing_else_reads_errors_from_logs():
    """Those that print errors use the prefix too; the terminal asks whether there is any, and a crash prints none."""
    others = {"utils/errors.py", "utils/command_line.py", "orchestration/environments.py", "orchestration/terminal.py"}
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if "PREFIX" in vars(node).values() or (isinstance(node, ast.Constant) and node.value == "error: ")
    }
    assert users - others == {"utils/exit_codes.py"}


def write(path):
    write_text(path, "")


@pytest.mark.parametrize(
    ("use", "path", "message"),
    [
        (
            load_preset,
            "absent.yaml",
            "/absent.yaml: expected a file or folder that is there or can be created, found n",
        ),
        (load_preset, "absent/x.yaml", "/absent: expected a folder, found nothing"),
        (load_preset, "folder", "/folder: expected a file, found a folder"),
        (load_preset, "file/x.yaml", "/file: expected a folder, found a file"),
        (load_preset, "link", "/link: expected .*, found a link to nowhere, which is not there"),
        (write, "file/x", "/file: expected a folder, found a file"),
        (write, "file/x/y", "/file: expected a folder, found a file"),
        (write, "link/x", "/link: expected a folder, found a link to nowhere, which is not there"),
        (write, "folder", "/folder: expected a file, found a folder"),
    ],
)
def test_a_path_that_is_not_what_a_command_takes_it_for_is_told_with_what_is_there(tmp_path, use, path, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        use(tmp_path / path)
    error = as_bench_error(caught.value)
    assert error.label == "E2-USAGE"
    assert re.match(re.escape(str(tmp_path)) + message, str(error))
    assert re.search(r"\(errno \d+, E\w+, at \w+/\w+\.py:\d+\); correct the path", str(error))


def test_what_only_a_fault_of_ours_can_cause_keeps_its_traceback(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="not empty") as caught:
        tmp_path.rmdir()
    assert as_bench_error(caught.value) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPERM])
def test_an_error_that_names_no_file_is_told_without_one(number):
    error = as_bench_error(OSError(number, os.strerror(number)))
    assert error.exit_code == 6
    assert "None" not in str(error)

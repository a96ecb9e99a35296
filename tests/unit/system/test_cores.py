"""Cores that may be used, quotas of CPU time, and what threads get: with files of real systems, and for real."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from lstmbench.orchestration.dependencies import PACKAGE
from lstmbench.records.interference import limits
from lstmbench.system import cores, linux
from lstmbench.utils.errors import MachineError

PERIOD = 100_000

LIMITED = """
import json, sys
from lstmbench.system.cores import cpu_quota, granted_share, usable_cores
from lstmbench.timing.counters import Counters, load
before, granted = Counters(), granted_share(1)
found = load([before.span()])
print(json.dumps([usable_cores(), cpu_quota(), found.throttled_share, granted]))
"""

BOUND = """
import hashlib, json, os, threading, time
from lstmbench.utils.clock import cpu_seconds
from lstmbench.system.cores import Limits
def compute():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while not enough.is_set():
        hashlib.sha256(data)
data, limits, enough, before = bytes(2**20), Limits(), threading.Event(), cpu_seconds()
others = [threading.Thread(target=compute) for _ in range(2)]
for other in others: other.start()
while cpu_seconds() - before < 0.5: time.sleep(0.05)  # whatever time a busy machine takes for it
print(json.dumps([len(os.sched_getaffinity(0)), limits.reachable_cores()]))
enough.set()
"""


def measured_by(program: str, **options) -> list:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, **options
    )
    return json.loads(done.stdout)


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A process in the control group ``path`` of a hierarchy whose group ``root`` is mounted, with ``files`` in it."""

    def build(version: int, path: str, root: str, files: dict[str, str]) -> None:
        mount = tmp_path / "cgroup mount"
        kind = "cgroup2 cgroup2 rw" if version == 2 else "cgroup cgroup rw,cpu,cpuacct"
        process = tmp_path / "proc"
        process.mkdir()
        line = f"0::{path}\n" if version == 2 else f"7:memory:/elsewhere\n4:cpu,cpuacct:{path}\n0::/\n"
        (process / "cgroup").write_text(line)
        place = str(mount).replace(" ", "\\040")
        (process / "mountinfo").write_text(
            f"22 1 0:5 / /proc rw - proc proc rw\n32 31 0:29 {root} {place} rw,relatime shared:9 - {kind}\n"
        )
        for name, content in files.items():
            file = mount / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        monkeypatch.setattr(linux, "PROCESS", process)
        monkeypatch.setattr(cores, "_affinity", lambda: 8)

    return build


@pytest.mark.parametrize(
    ("version", "path", "root", "files", "quota"),
    [
        (2, "/", "/", {"cpu.max": "50000 100000\n"}, 0.5),
        (2, "/user.slice/a.scope", "/", {"user.slice/a.scope/cpu.max": "max 100000\n"}, None),
        (2, "/pod/one", "/", {"pod/cpu.max": "150000 100000\n", "pod/one/cpu.max": "400000 100000\n"}, 1.5),
        (2, "/docker/abc", "/docker/abc", {"cpu.max": "200000 100000\n"}, 2.0),
        (1, "/", "/", {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, None),
        (1, "/docker/abc", "/docker/abc", {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}, 0.5),
        (1, "/job", "/", {"job/cpu.cfs_quota_us": "300000\n", "job/cpu.cfs_period_us": "100000\n"}, 3.0),
        (2, "/", "/", {}, None),
    ],
)
def test_a_quota_is_found_wherever_it_is_set(system, version, path, root, files, quota):
    system(version, path, root, files)
    assert cores.cpu_quota() == quota
    assert cores.usable_cores() == (8 if quota is None else max(1, int(quota)))


def test_throttled_periods_are_counted_over_all_groups_that_hold_the_process(system):
    statistics = "usage_usec 9\nnr_periods {}\nnr_throttled {}\nthrottled_usec 7\n"
    files = {"pod/cpu.stat": statistics.format(10, 3), "pod/one/cpu.stat": statistics.format(4, 2)}
    system(2, "/pod/one", "/", files)
    assert cores.throttling() == (14, 5)


def test_a_system_without_control_groups_limits_nothing_and_does_not_say_that_nothing_was_throttled(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(linux, "PROCESS", tmp_path)
    assert (cores.cpu_quota(), cores.throttling()) == (None, None)
    assert cores.Limits().throttled_share() is None


def test_without_an_affinity_to_ask_for_all_cores_count_and_none_is_said_to_be_reachable(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: None)
    assert cores.usable_cores() == os.cpu_count()
    assert cores.Limits().reachable_cores() is None


def test_more_threads_than_cores_are_refused_with_both_limits_and_what_to_do(system):
    system(2, "/", "/", {"cpu.max": "150000 100000\n"})
    cores.require_cores(1)
    message = r"threads 2: expected at most 1, .*affinity to 8, a quota of 1\.5 CPUs.*threads: 1"
    with pytest.raises(MachineError, match=message):
        cores.require_cores(2)


def test_the_threads_of_all_workers_of_a_machine_are_counted_together(system):
    system(2, "/", "/", {"cpu.max": "300000 100000\n"})
    cores.require_cores(1, workers=3)
    with pytest.raises(MachineError, match=r"workers 2 with threads 2 each: expected at most 3, .*choose threads: 1,"):
        cores.require_cores(2, workers=2)
    with pytest.raises(MachineError, match="choose fewer workers,"):
        cores.require_cores(1, workers=4)


def test_an_affinity_is_a_limit(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: None)
    assert cores.usable_cores() == 3
    with pytest.raises(MachineError, match="threads 4: expected at most 3,"):
        cores.require_cores(4)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_threads_that_are_bound_after_the_start_are_seen_where_they_compute():
    allowed, reached = measured_by(BOUND)
    assert allowed >= 1
    assert reached == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_two_threads_on_one_core_get_half_of_a_cpu_each():
    program = (
        "import json, os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from lstmbench.system.cores import granted_share; print(json.dumps([granted_share(2)]))"
    )
    assert measured_by(program)[0] <= 0.6


def test_a_real_quota_of_a_tenth_of_a_cpu_is_read_and_seen_in_what_it_does():
    # So little that any load beside it leaves as much.
    with real_group() as enter:
        usable, quota, throttled, granted = measured_by(LIMITED, preexec_fn=enter)
    assert (usable, quota) == (1, 0.1)
    assert limits(throttled, None, threads=1)
    assert granted < 0.5


@contextlib.contextmanager
def real_group() -> Iterator[Callable[[], None]]:
    """A control group with a quota of a tenth of a CPU, and a function by which a new process enters it."""
    v1 = {"cpu.cfs_quota_us": f"{PERIOD // 10}"}
    v2 = {"cpu.max": f"{PERIOD // 10} {PERIOD}"}
    for parent, files in ((Path("/sys/fs/cgroup/cpu"), v1), (Path("/sys/fs/cgroup"), v2)):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            group = parent / f"lstmbench-test-{os.getpid()}"
            group.mkdir()
            stack.callback(group.rmdir)
            if all((group / name).exists() for name in files):
                for name, content in files.items():
                    (group / name).write_text(content)
                yield partial(_enter, group)
                return
    pytest.skip("no control group with a quota can be made here (needs root and the cpu controller)")


def _enter(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))

"""The workflow on a system that is not Linux: what it does not report is named, and nothing else is missing.

The system is a faked description of a Mac (``tests/helpers/mac``); nobody has run this on a real one.
"""

from __future__ import annotations

import json

import pandas as pd
import pytest

from lstmbench.records.interference import CHECKS
from lstmbench.utils.paths import ROOT
from tests.helpers.workdir import Workdir, copy_workdir

pytestmark = pytest.mark.slow

MAC = ROOT / "tests/helpers/mac"


@pytest.fixture(scope="module")
def mac(tmp_path_factory):
    """The results of the workflow, with every process on the faked Mac, and what it printed."""
    root = tmp_path_factory.mktemp("mac")
    copy_workdir(root)
    implementations = "[reference,pytorch_fused]"
    speed = "{sizes: [tiny], implementations: [reference, pytorch_fused], processes: 1, attempts: 1, blocks: 2}"
    words = Workdir(root).words(implementations=implementations, speed=speed)[1:]
    done = Workdir(root).command(*words[2:], modules=MAC)
    assert done.returncode == 0, done.stdout
    return root / "results/tiny", done.stdout


def test_every_step_of_the_demo_ends_well_without_a_traceback(mac):
    results, printed = mac
    logs = [path.read_text(encoding="utf-8") for path in (results / "logs").rglob("*.log")]
    assert logs
    assert not [text for text in (printed, *logs) if "Traceback" in text]
    assert (results / "report.html").stat().st_size > 10_000


def test_a_record_describes_the_mac(mac):
    results, _ = mac
    for path in (results / "runs").rglob("run.json"):
        machine = json.loads(path.read_text(encoding="utf-8"))["machine"]
        assert (machine["cpu"], machine["os"]) == ("Apple M2", "Darwin 24.6.0 arm64")
        assert machine["capability"] == "bf16-i8mm-asimddp-asimdhp-asimd"
        assert "libc" not in machine


def test_what_the_mac_does_not_count_is_named_beside_the_speeds(mac):
    results, _ = mac
    speeds = pd.read_csv(results / "tables/speed.csv")
    assert set(speeds["not_judged"]) == {"; ".join(CHECKS.values())}
    named = f"Not judged here, because the system does not count it: {'; '.join(CHECKS.values())}."
    assert named in (results / "tables/speed.md").read_text(encoding="utf-8")
    assert named in (results / "report.html").read_text(encoding="utf-8")

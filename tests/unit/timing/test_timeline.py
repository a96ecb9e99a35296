"""The timeline of a step is asked of the framework's probe, after a warm-up."""

from __future__ import annotations

import json

import pytest

from lstmbench.timing import timeline
from lstmbench.timing.probes import Event
from lstmbench.timing.timeline import step_timeline
from lstmbench.utils.errors import UsageError
from tests.factories.cases import Text, make_case, make_request
from tests.helpers.run_command import run_command

EVENT = Event("lstm", "recurrent", "forward", "CPU thread 1", 10, 20)


class Probe:
    """A probe that shows one event."""

    def timeline(self, work):
        work()
        return [EVENT]


def test_one_step_after_the_warm_up_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("lstmbench.timing.blocks.WARM_UP_SECONDS", 0.01)
    monkeypatch.setattr(timeline, "probe_of", lambda implementation: Probe())
    request = make_request(make_case(tmp_path, monkeypatch, Text, hidden_size=8))
    events, versions = step_timeline(request)
    assert events == [EVENT]
    assert isinstance(versions, dict)


@pytest.mark.parametrize("probe", [None, object()])
def test_a_framework_that_shows_no_times_is_refused(tmp_path, monkeypatch, probe):
    monkeypatch.setattr(timeline, "probe_of", lambda implementation: probe)
    request = make_request(make_case(tmp_path, monkeypatch, Text, hidden_size=8))
    with pytest.raises(UsageError, match="reference: its framework shows no times of operations"):
        step_timeline(request)


def test_a_case_is_named_by_its_four_parts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(timeline, "probe_of", lambda implementation: Probe())
    output = tmp_path / "trace.json"
    words = ["--data", str(tmp_path), "--output", str(output)]
    with pytest.raises(UsageError, match="expected dataset/size/implementation/device, as in ptb/small/pytorch/cpu"):
        run_command("trace", ["glyphs/small/reference", *words])
    with pytest.raises(UsageError, match="unknown size 'smal' \\(did you mean small\\?\\)"):
        run_command("trace", ["glyphs/smal/reference/cpu", *words])
    run_command("trace", ["glyphs/small/reference/cpu", *words])
    assert json.loads(output.read_text(encoding="utf-8"))["otherData"]["case"] == "glyphs/small/reference/cpu"
    assert "1 events; open it in https://ui.perfetto.dev" in capsys.readouterr().err

"""What a job asks of a scheduler, and a job with fewer cores than its workers have threads, which is refused."""

from __future__ import annotations

import pytest

from lstmbench.orchestration.resources import ResourceRequest, read_plan, require_cores_of_job
from lstmbench.utils.errors import UsageError
from tests.factories.jobs import chosen


def test_a_job_with_fewer_cores_than_threads_is_told_how_many_to_write():
    require_cores_of_job("run.json", 2, 2, 4)
    with pytest.raises(
        UsageError, match=r"^run\.json: expected 4 cores \(2 workers of 2 threads\), found 3; write --cores 4"
    ):
        require_cores_of_job("run.json", 2, 2, 3)


def test_each_attempt_asks_for_more_up_to_a_limit():
    requests = [ResourceRequest(minutes=30, mem_mb=1000).of_attempt(attempt) for attempt in (1, 2, 3, 4, 20)]
    assert [(request.minutes, request.mem_mb) for request in requests] == [
        (30, 1000), (60, 2000), (90, 3000), (120, 4000), (120, 4000)
    ]  # fmt: skip


HEADER = "dataset,size,implementation,device,threads,max_updates,max_eval_predictions,seconds,mem_mb\n"


@pytest.mark.parametrize(
    "rows",
    [
        "ptb,small,pytorch,cpu,2,,,7200\n",
        "ptb,small,pytorch,cpu,2\n",
        "ptb,small,pytorch,cpu,2,,,inf,1\n",
        "ptb,small,pytorch,cpu,2,,,7200,nan\n",
        "ptb,small,pytorch,cpu,2,,,-1,1\n",
        "ptb,small,pytorch,cpu,two,,,7200,1\n",
        "ptb,small,pytorch,cpu,2,,,7200,1,1\n",
        "ptb,small,pytorch,cpu,2,,,\u00e9,1\n",
    ],
)
def test_a_plan_that_was_cut_short_or_edited_is_ignored_in_one_line(tmp_path, capsys, rows):
    plan = tmp_path / "plan.csv"
    plan.write_text(HEADER + "ptb,small,tensorflow,cpu,2,,,7200,1\n" + rows, encoding="latin-1")
    selection = chosen(datasets=["ptb"], sizes=["small"])
    assert read_plan(plan, selection) == {}
    line = capsys.readouterr().err
    assert line.startswith(f"{plan}: no plan, so ignored: ")
    assert line.endswith("; make plan writes another\n")
    assert line.count("\n") == 1
    plan.write_text(HEADER, encoding="utf-8")
    assert read_plan(plan, selection) == {}
    assert capsys.readouterr().err == ""

"""What a job asks of a scheduler, and a job with fewer cores than its workers have threads, which is refused."""

from __future__ import annotations

import pytest

from lstmbench.orchestration.resources import ResourceRequest, require_cores_of_job
from lstmbench.utils.errors import UsageError


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

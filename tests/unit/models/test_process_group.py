"""Who a worker is, and what it takes of a batch."""

from __future__ import annotations

import pytest

from lstmbench.models.process_group import ProcessGroup, current_group
from lstmbench.utils.errors import UsageError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ProcessGroup(0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, ProcessGroup(3, 4, 1)),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1"}, ProcessGroup(5, 8, 1)),
        (
            {"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0"},
            ProcessGroup(0, 1, 0),
        ),  # sbatch without srun
        ({"RANK": "0", "WORLD_SIZE": "2", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3"}, ProcessGroup(0, 2, 0)),
    ],
)
def test_a_worker_learns_from_its_environment_which_one_it_is(environment, expected):
    assert current_group(environment) == expected


@pytest.mark.parametrize("values", [("2", "2", "0"), ("-1", "2", "0"), ("one", "2", "0"), ("0", "2", "2")])
def test_an_environment_at_odds_with_itself_is_refused_with_what_it_says(values):
    environment = dict(zip(("RANK", "WORLD_SIZE", "LOCAL_RANK"), values, strict=True))
    with pytest.raises(UsageError, match=f"RANK={values[0]}, WORLD_SIZE=2, LOCAL_RANK={values[2]}"):
        current_group(environment)


def test_the_shares_of_all_workers_are_the_batch_in_order():
    rows = list(range(12))
    assert [row for rank in range(3) for row in rows[ProcessGroup(rank, 3).share(12)]] == rows

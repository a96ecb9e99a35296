"""Which implementations share a training."""

from __future__ import annotations

import pytest

from lstmbench.implementations import require_shared
from lstmbench.utils.errors import UsageError


def test_workers_that_cannot_share_a_training_are_refused_with_those_that_can():
    require_shared("reference", 5, 1)
    require_shared("pytorch_ddp", 20, 2)
    with pytest.raises(UsageError, match="reference runs with 1; with several: pytorch_ddp"):
        require_shared("reference", 20, 2)
    with pytest.raises(UsageError, match=r"3 workers.*batch_size 20.*: 1, 2, 4, 5, 10, 20$"):
        require_shared("pytorch_ddp", 20, 3)

"""Learning curves are averaged over the seeds, epoch by epoch."""

from __future__ import annotations

import pandas as pd
import pytest

from lstmbench.analysis.learning_curves import mean_by_epoch, over_seeds, range_by_epoch, seconds_by_epoch

ROWS = pd.DataFrame(
    {
        "size": "small", "device": "cpu", "implementation": "pytorch",
        "seed": [1, 1, 2, 2], "epoch": [1, 2, 1, 2], "train_seconds": [10.0, 10.0, 20.0, 40.0],
        "valid_perplexity": [100.0, 50.0, 400.0, 50.0], "valid_accuracy": [0.5, 0.6, 0.7, 0.6],
    }
)  # fmt: skip


def test_a_perplexity_is_averaged_as_its_logarithm():
    assert mean_by_epoch(ROWS, "valid_perplexity", "perplexity").tolist() == pytest.approx([200.0, 50.0])
    assert over_seeds(ROWS, "perplexity")["mean"].tolist() == pytest.approx([200.0, 50.0])


def test_an_accuracy_is_averaged_as_it_is():
    assert mean_by_epoch(ROWS, "valid_accuracy", "accuracy").tolist() == pytest.approx([0.6, 0.6])
    assert over_seeds(ROWS, "accuracy")["mean"].tolist() == pytest.approx([60.0, 60.0])


def test_the_range_is_that_of_the_seeds():
    low, high = range_by_epoch(ROWS, "valid_perplexity")
    assert (low.tolist(), high.tolist()) == ([100.0, 50.0], [400.0, 50.0])


def test_seconds_add_up_over_the_epochs_in_whatever_order_the_rows_are():
    assert seconds_by_epoch(ROWS).tolist() == pytest.approx([15.0, 40.0])
    assert seconds_by_epoch(ROWS.iloc[::-1]).tolist() == pytest.approx([15.0, 40.0])

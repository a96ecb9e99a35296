"""Learning curves: the mean over the seeds with its range, in the logarithm for a perplexity."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from lstmbench.reporting import learning_curves
from lstmbench.reporting.learning_curves import curves


def history(column, *seeds, device="cpu", size="small"):
    rows = [
        {"size": size, "device": device, "implementation": "pytorch", "epoch": epoch, column: value}
        for values in seeds
        for epoch, value in enumerate(values, 1)
    ]
    return pd.DataFrame(rows)


def test_a_perplexity_is_averaged_as_its_logarithm():
    (case,) = curves(history("valid_perplexity", [100.0, 50.0], [400.0, 50.0]), "perplexity")["cases"]
    assert (case["mean"], case["low"], case["high"]) == ([200.0, 50.0], [100.0, 50.0], [400.0, 50.0])
    assert (case["seeds"], case["epochs"], case["panel"]) == (2, [1, 2], "small")


def test_an_accuracy_is_averaged_in_per_cent():
    found = curves(history("valid_accuracy", [0.5], [0.7]), "accuracy")
    assert math.isclose(found["cases"][0]["mean"][0], 60.0)
    assert (found["unit"], found["log"]) == (" %", False)


def test_devices_have_panels_of_their_own():
    both = pd.concat([history("valid_accuracy", [0.5], device=device) for device in ("cpu", "gpu")])
    assert [case["panel"] for case in curves(both, "accuracy")["cases"]] == ["small, cpu", "small, gpu"]


@pytest.mark.parametrize(("limit", "kept"), [(100, [1, 2, 3, 4, 5, 6]), (3, [1, 3, 5, 6]), (2, [1, 4, 6])])
def test_of_many_epochs_some_are_left_out_and_never_the_first_or_the_last(monkeypatch, limit, kept):
    monkeypatch.setattr(learning_curves, "MAX_POINTS", limit)
    (case,) = curves(history("valid_accuracy", [0.1] * 6), "accuracy")["cases"]
    assert case["epochs"] == kept

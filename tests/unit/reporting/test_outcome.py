"""The page says which configuration ran, how it ended and what comes next."""

from __future__ import annotations

import msgspec
import pandas as pd
import pytest
import yaml

from lstmbench.orchestration.config import checked
from lstmbench.records.paths import RUN_COLUMNS
from lstmbench.reporting.outcome import CONFIGS, happened, shipped_as
from lstmbench.statistics.verdict import Verdict
from lstmbench.utils.paths import ROOT

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"device": "cpu"}
DEMO = yaml.safe_load((CONFIGS / "demo.yaml").read_text(encoding="utf-8"))


def selection(*layers, **changes):
    layers = [SHIPPED, *layers, changes]
    speed = {key: value for layer in layers for key, value in layer.get("speed", {}).items()}
    return checked({key: value for layer in layers for key, value in layer.items()} | {"speed": speed})


def runs(*implementations, caps=""):
    rows = [
        dict(zip(RUN_COLUMNS, ("ptb", "small", name, "cpu", 1), strict=True)) | {"caps": caps}
        for name in implementations
    ]
    return pd.DataFrame(rows, columns=[*RUN_COLUMNS, "caps"])


def speeds(*verdicts):
    return pd.DataFrame({"verdict": pd.Series([*map(Verdict.parse, verdicts)], dtype=object)})


def test_a_shipped_configuration_is_known_wherever_its_results_go():
    assert shipped_as(selection(DEMO)) == "demo"
    assert shipped_as(selection(DEMO, results="elsewhere")) == "demo"
    assert shipped_as(selection(DEMO, seeds=[7])) == ""


@pytest.mark.parametrize(
    ("failed", "verdicts", "text", "command"),
    [
        (
            (),
            ("", ""),
            "all 2 cases ran (1 data set \u00d7 1 size \u00d7 2 implementations; 2 trainings), and all 2 s",
            "make quick",
        ),
        ((), ("", "failed: x"), "and 1 of 2 speeds were measured.", ""),
        (("reference",), (), "2 of 3 cases ran", ""),
    ],
)
def test_what_failed_is_counted_and_decides_what_comes_next(failed, verdicts, text, command):
    found = happened(runs("pytorch", "tensorflow"), runs(*failed), speeds(*verdicts), selection(DEMO), "demo.yaml")
    assert text in found.text
    assert found.text.startswith("This was the demo: ")
    assert found.command == command


def test_runs_that_were_cut_short_are_said_to_be():
    both = pd.concat([runs("pytorch"), runs("tensorflow", caps="short")])
    own = msgspec.structs.replace(selection(DEMO), seeds=[7])
    assert (
        "2 trainings, 1 cut short), and no speed was measured." in happened(both, runs(), speeds(), own, "my.yaml").text
    )
    assert happened(both, runs(), speeds(), own, "my.yaml").text.startswith("This was a run of my.yaml: ")

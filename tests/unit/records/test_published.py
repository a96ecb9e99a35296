"""Published values and targets are read, or refused with their line."""

from __future__ import annotations

import pytest

from lstmbench.records.published import read_published, read_targets
from lstmbench.utils.errors import DataError
from tests.factories.tables import PUBLISHED, TARGETS

PUBLISHED_COLUMNS = "dataset\tsize\tmetric\tvalue\tsource\turl\tnote\n"
TARGET_COLUMNS = "dataset\tsize\tapplies_to\tvalue\tpublished_metric\tpublished_source\twhy\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dataset\tsize\n", "expected the columns"),
        (PUBLISHED_COLUMNS + "ptb\tsmall\ttest_ppl\t114.5\ta\t\t\n", "line 2: unknown metric 'test_ppl'"),
        (PUBLISHED_COLUMNS + "ptb\tsmall\ttest_perplexity\tlow\ta\t\t\n", "column value: expected numbers"),
        (PUBLISHED_COLUMNS + "ptb\tsmall\ttest_perplexity\t\ta\t\t\n", "expected a value from 1"),
        (PUBLISHED_COLUMNS + "mnist\tsmall\ttest_accuracy\t98.9\ta\t\t\n", "from 0 to 1, found 98.9"),
        ("", "not readable as a table"),
    ],
)
def test_a_wrong_published_value_is_refused_with_its_place(tmp_path, text, says):
    path = tmp_path / "published.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_published(path)


def test_the_published_values_are_those_of_the_sources():
    published = read_published(PUBLISHED)
    values = {(row.size, row.metric, row.source): row.value for row in published.itertuples() if row.dataset == "ptb"}
    expected = {"TensorFlow tutorial": [115.91, 82.07, 78.29], "Zaremba et al. 2014": [114.5, 82.7, 78.4]}
    for source, numbers in expected.items():
        assert [values[size, "test_perplexity", source] for size in ("small", "medium", "large")] == numbers
    assert not (published["note"] == "").any()  # each says how its protocol differs


def test_the_shipped_targets_are_reached_from_the_right_side_of_chance():
    targets = read_targets(TARGETS, read_published(PUBLISHED))
    published = targets[targets["published_source"] != ""]
    assert published[["dataset", "size", "value"]].to_numpy().tolist() == [
        ["ptb", "small", 121.39], ["ptb", "medium", 86.16], ["ptb", "large", 82.62], ["mnist", "small", 0.98]
    ]  # fmt: skip
    assert (published["applies_to"] == "complete").all()  # a capped run is compared with nothing published
    for (dataset, size), rows in targets.groupby(["dataset", "size"]):
        values = rows.set_index("applies_to")["value"]
        if len(values) == 2:
            assert (values["capped"] > values["complete"]) == (dataset in ("ptb", "markov")), (dataset, size)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ptb\tsmall\tcomplete\t100\ttest_perplexity\tZaremba et al. 2014\t", "either a value or"),
        ("ptb\tsmall\tcomplete\t\t\t\t", "either a value or"),
        ("ptb\tsmall\tcomplete\t\ttest_perplexity\tNobody\t", "found 0"),
        ("ptb\tsmall\tsometimes\t100\t\t\t", "expected complete or capped, found 'sometimes'"),
    ],
)
def test_a_faulty_target_is_told_with_its_line(tmp_path, row, message):
    path = tmp_path / "targets.tsv"
    path.write_text(TARGET_COLUMNS + row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"line 2: .*{message}"):
        read_targets(path, read_published(PUBLISHED))


def test_another_header_is_refused(tmp_path):
    path = tmp_path / "targets.tsv"
    path.write_text("dataset\tsize\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected the columns dataset, size, applies_to"):
        read_targets(path, read_published(PUBLISHED))

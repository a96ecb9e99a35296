"""The confusion matrix counts every test image, and the worst mistakes are the surest ones."""

from __future__ import annotations

import numpy as np
import pytest

from lstmbench.inference.kept_model import data_of, open_model
from lstmbench.inference.mistakes import WORST, confusion
from lstmbench.utils.errors import DataError
from tests.helpers.run_command import run_command


def test_every_test_image_is_counted_once_and_right_ones_as_the_record_says(image_run, tmp_path):
    model = open_model(image_run)
    counts = np.array(confusion(model, tmp_path).counts)
    labels = data_of(model, tmp_path).arrays["test_labels"]
    assert counts.sum() == len(labels)
    assert counts.sum(1).tolist() == np.bincount(labels, minlength=10).tolist()
    assert counts.trace() / counts.sum() == pytest.approx(model.record.final.accuracy)


def test_the_worst_mistakes_are_wrong_and_the_surest_come_first(image_run, tmp_path):
    model = open_model(image_run)
    arrays = data_of(model, tmp_path).arrays
    worst = confusion(model, tmp_path).worst
    assert 0 < len(worst) <= WORST
    for one in worst:
        assert one.predicted != one.label == arrays["test_labels"][one.image]
        assert one.pixels == arrays["test_images"][one.image].tolist()
    shares = [one.probability for one in worst]
    assert shares == sorted(shares, reverse=True)


def test_the_command_writes_a_picture_per_mistake(image_run, tmp_path, capsys):
    run_command("mistakes", [str(image_run), "--data", str(tmp_path), "--pictures", str(tmp_path / "pictures")])
    assert "predicts (columns)" in capsys.readouterr().out
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert len(pictures) == len(confusion(open_model(image_run), tmp_path).worst)
    assert pictures[0].name.startswith("01-image-")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_a_text_has_no_confusion_matrix(text_run, tmp_path):
    with pytest.raises(DataError, match="expected a classifier"):
        confusion(open_model(text_run), tmp_path)

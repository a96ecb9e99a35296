"""Initial weights, and what is refused where data and preset meet first."""

from __future__ import annotations

from pathlib import Path

import pytest

from lstmbench.datasets import OwnData
from lstmbench.preparation import initialise as module
from lstmbench.preparation.initialise import initialise
from lstmbench.preparation.prepare import prepare_own
from lstmbench.utils.errors import ResourceError, UsageError
from lstmbench.utils.files import read_arrays

PRESET = """\
source: a test
num_layers: 1
hidden_size: 4
num_steps: 3
batch_size: 2
init_scale: 0.1
optimizer: sgd
learning_rate: 1.0
epochs: 1
full_rate_epochs: 1
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "novel.txt"
    path.write_text("a b a\n" * 60, encoding="utf-8")
    prepare_own(dataset="novel", own=OwnData("own_text", path, {"level": "word"}), output=tmp_path / "data")
    return tmp_path / "data"


def preset(folder: Path, text: str = PRESET) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_weights_fit_the_vocabulary_of_the_text(data: Path, tmp_path: Path) -> None:
    initialise(data=data, preset_file=preset(tmp_path), seed=1, output=tmp_path / "weights")
    assert read_arrays(tmp_path / "weights")["embedding"].shape == (4, 4)  # a, b, <eos> and <unk>


def test_a_text_too_short_for_the_preset_is_refused_before_anything_is_trained(data: Path, tmp_path: Path) -> None:
    large = preset(tmp_path, PRESET.replace("batch_size: 2", "batch_size: 20"))
    with pytest.raises(
        UsageError, match=r"novel: expected at least 80 words or characters in its validation text.*found 12;"
    ):
        initialise(data=data, preset_file=large, seed=1, output=tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_a_vocabulary_whose_weights_do_not_fit_is_refused_with_both_sizes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = preset(tmp_path, PRESET.replace("hidden_size: 4", "hidden_size: 2000"))
    monkeypatch.setattr(module, "memory_limit_bytes", lambda: 100_000_000)
    expected = "novel tiny: the weights of a model with 4 outputs .* take 128 MB; expected no more memory than 100 MB"
    with pytest.raises(ResourceError, match=expected):
        initialise(data=data, preset_file=wide, seed=1, output=tmp_path / "weights")
    assert not (tmp_path / "weights").exists()

"""A kept model is the one of its record, or it is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lstmbench.inference.kept_model import data_of, open_model, require_task
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_arrays, read_arrays, write_arrays


def test_a_model_is_found_by_its_folder_and_by_its_record(text_run):
    by_folder, by_record = open_model(text_run), open_model(text_run / "run.json")
    assert hash_arrays(by_folder.learner.weights()) == by_folder.record.final_weights_sha256
    assert hash_arrays(by_record.learner.weights()) == by_folder.record.final_weights_sha256


def test_weights_that_are_not_the_run_s_are_refused_with_both_hashes(text_run):
    file = text_run / "model.safetensors"
    others = {name: np.zeros_like(value) for name, value in read_arrays(file).items()}
    write_arrays(file, others)
    with pytest.raises(DataError, match=f"found others \\({hash_arrays(others)}\\)"):
        open_model(text_run)


def test_a_run_without_a_kept_model_says_how_to_get_one(text_run):
    (text_run / "model.safetensors").unlink()
    with pytest.raises(DataError, match="train it again with keep_models: true"):
        open_model(text_run)


def test_other_data_are_refused_with_both_hashes(text_run, tmp_path):
    manifest = json.loads((tmp_path / "made/manifest.json").read_text(encoding="utf-8"))
    record = json.loads((text_run / "run.json").read_text(encoding="utf-8"))
    record["data"]["sha256"] = "0" * 64
    (text_run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError, match=f"expected {'0' * 64}, found {manifest['sha256']}"):
        data_of(open_model(text_run), tmp_path)


def test_a_model_of_the_other_task_is_refused(text_run):
    require_task(open_model(text_run), "language_model")
    with pytest.raises(DataError, match="expected a classifier, found a language model"):
        require_task(open_model(text_run), "classifier")

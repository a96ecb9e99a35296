"""The check of resuming, with the NumPy reference: it says yes of a sound learner, and no of one that forgets."""

from __future__ import annotations

import pytest

from lstmbench.gpu_check.resume import check_resume, read_resume
from lstmbench.implementations import reference
from lstmbench.utils.errors import ResourceError
from lstmbench.utils.files import write_json
from tests.factories.cases import Images, Text, make_case, make_request, refuse_memory


@pytest.fixture(params=[Images, Text])
def case(request, tmp_path, monkeypatch):
    files = make_case(tmp_path, monkeypatch, request.param)
    return make_request(files)


def test_a_sound_learner_repeats_and_resumes(case):
    assert check_resume(case, 8) == {"updates": 8, "repeats": True, "resumes": True}


def test_a_learner_that_forgets_its_optimizer_does_not_resume(case, monkeypatch):
    monkeypatch.setattr(reference.Learner, "load_training_state", lambda self, arrays: None)
    assert check_resume(case, 8) == {"updates": 8, "repeats": True, "resumes": False}


def test_memory_that_runs_out_is_told_with_what_the_model_needs(case, monkeypatch):
    monkeypatch.setattr(reference.Learner, "train_block", refuse_memory)
    with pytest.raises(ResourceError, match=r"68\.7 MiB.*the model needs at least \d+ MB"):
        check_resume(case, 8)


@pytest.mark.parametrize(
    ("repeats", "resumes", "failure"),
    [
        (True, True, ""),
        (True, False, "expected the same bits after 60 updates, found others in a resumed run"),
        (False, False, "expected the same bits after 60 updates, found others in a repeated run and a resumed run"),
    ],
)
def test_other_bits_are_a_failure_that_names_the_run(tmp_path, repeats, resumes, failure):
    answer = {"updates": 60, "repeats": repeats, "resumes": resumes}
    write_json(tmp_path / "answer.json", answer)
    found = read_resume(tmp_path / "answer.json")
    assert (found.value, found.failure) == (answer, failure)

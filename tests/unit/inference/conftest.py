"""Kept models of a text and of images, for all tests of what is done with them."""

from __future__ import annotations

import pytest

from lstmbench.inference.language import open_language_model
from tests.factories.cases import Images
from tests.factories.kept import Letters, Tale, make_kept


@pytest.fixture
def text_run(tmp_path, monkeypatch):
    """The folder of a run on sentences; its data are in ``tmp_path``."""
    return make_kept(tmp_path, monkeypatch, Tale)


@pytest.fixture
def letters_run(tmp_path, monkeypatch):
    """The folder of a run on the same sentences, read by characters."""
    return make_kept(tmp_path, monkeypatch, Letters)


@pytest.fixture
def image_run(tmp_path, monkeypatch):
    """The folder of a run on images; its data are in ``tmp_path``."""
    return make_kept(tmp_path, monkeypatch, Images)


@pytest.fixture
def model(text_run, tmp_path):
    """A language model of the words in ``factories.kept``."""
    return open_language_model(text_run, tmp_path)

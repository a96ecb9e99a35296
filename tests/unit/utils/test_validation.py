"""A name or a folder that is not there is refused with the nearest that is."""

from __future__ import annotations

import pytest

from lstmbench.utils.errors import UsageError
from lstmbench.utils.validation import require_folder, require_known


def test_an_unknown_name_is_refused_with_the_nearest_and_all_known_ones():
    require_known("size", "small", ["small", "large"])
    with pytest.raises(UsageError, match=r"^a\.yaml: unknown size 'smal' \(did you mean small\?\); known: small, l"):
        require_known("size", "smal", iter(["small", "large"]), where="a.yaml: ")
    with pytest.raises(UsageError, match=r"^unknown size 'x'; known: none$"):
        require_known("size", "x", [])


def test_a_folder_that_is_not_there_is_refused_with_the_nearest_that_is(tmp_path, monkeypatch):
    (tmp_path / "downloads/ptb").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert require_folder("local_data", tmp_path / "downloads") == tmp_path / "downloads"
    with pytest.raises(UsageError, match=r"expected a folder, found nothing at .*did you mean '.*/downloads/ptb'"):
        require_folder("local_data", tmp_path / "download/ptb")
    with pytest.raises(UsageError, match=r"expected a folder, found a file at"):
        require_folder("local_data", tmp_path / "file")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert require_folder("local_data", "~/downloads") == tmp_path / "downloads"

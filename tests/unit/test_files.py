from __future__ import annotations

import os

import numpy as np
import pytest

from lstmbench.files import hash_arrays, hash_json, write_json, write_text


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, 1)
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert path.read_text() == "1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_number_json_does_not_have_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "value.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_files_have_the_mode_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "value.json", 1)
    finally:
        os.umask(before)
    assert (tmp_path / "value.json").stat().st_mode & 0o777 == 0o640


def test_the_hash_of_arrays_sees_name_type_shape_and_value():
    base = {"a": np.arange(6, dtype=np.int32)}
    others = [
        {"b": base["a"]},
        {"a": base["a"].astype(np.int64)},
        {"a": base["a"].reshape(2, 3)},
        {"a": base["a"] + 1},
        {**base, "b": np.zeros(1)},
    ]
    assert len({hash_arrays(arrays) for arrays in [base, *others]}) == 6
    assert hash_arrays({"a": np.arange(12, dtype=np.int32)[::2] // 2}) == hash_arrays(base)


def test_the_hash_of_json_does_not_depend_on_the_order_of_keys():
    assert hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1}) != hash_json({"a": 1, "b": 3})

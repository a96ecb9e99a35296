"""From raw files to arrays with a manifest, and back."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstmbench import datasets
from lstmbench.datasets import Prepared, Source, load_dataset, load_vocabulary, ptb
from lstmbench.preparation.prepare import check, prepare
from lstmbench.utils.command_line import run
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.files import hash_file
from tests.helpers.run_command import run_command

TEXTS = {"train": " a b a c \n", "valid": " a \n", "test": " c b \n"}


@pytest.fixture
def raw(tmp_path: Path, list_sources: Callable[[list[Source]], None]) -> Path:
    """A folder with a tiny text under PTB's file names, listed as if it were the real one."""
    folder = tmp_path / "raw"
    folder.mkdir()
    rows = []
    for split, text in TEXTS.items():
        path = folder / f"ptb.{split}.txt"
        path.write_text(text, encoding="utf-8")
        rows.append(Source("ptb", path.name, len(text), hash_file(path), "https://127.0.0.1/", "", "none"))
    list_sources(rows)
    return folder


@pytest.fixture
def prepared(raw: Path, tmp_path: Path) -> Path:
    prepare(dataset="ptb", raw=raw, output=tmp_path / "ptb")
    return tmp_path / "ptb"


def test_what_was_prepared_is_loaded(prepared: Path, raw: Path) -> None:
    found = load_dataset(prepared)
    expected = ptb.prepare(raw)
    assert (found.name, found.task, found.facts) == ("ptb", "language_model", {"vocab_size": 4})
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_loaded_arrays_cannot_be_written(prepared: Path) -> None:
    array = load_dataset(prepared).arrays["train"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_file_system_that_cannot_map_files_is_read(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = load_dataset(prepared).arrays["train"].tolist()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(np.lib.format, "open_memmap", refuse)
    array = load_dataset(prepared).arrays["train"]
    assert array.tolist() == mapped
    assert not array.flags.writeable


def test_the_vocabulary_has_the_word_of_each_id(prepared: Path) -> None:
    words = load_vocabulary(prepared)
    assert words == ("a", "<eos>", "b", "c")
    read = " ".join(words[number] for number in load_dataset(prepared).arrays["train"])
    assert read == "a b a c <eos>"


def test_other_words_for_the_same_ids_are_the_same_data(prepared: Path) -> None:
    path = prepared / "vocabulary.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["data_sha256"] == load_dataset(prepared).sha256
    path.write_text(json.dumps({**content, "words": ["A", "end", "B", "C"]}), encoding="utf-8")
    assert load_dataset(prepared).sha256 == content["data_sha256"]
    assert load_vocabulary(prepared) == ("A", "end", "B", "C")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data_sha256": "0" * 64}, "for 0000"),
        ({"words": ["a", "b"]}, "expected 4 different words for the data .* found 2"),
        ({"words": ["a", "b", "c", "c"]}, "found 3"),
        ({"words": ["a", "b", "c", 4]}, "expected text, found 4"),
        ({"more": 1}, "expected no key 'more'"),
        (None, "missing"),
    ],
)
def test_a_vocabulary_that_is_not_the_data_s_is_refused(prepared: Path, changed: Any, message: str) -> None:
    path = prepared / "vocabulary.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    if changed is not None:
        path.write_text(json.dumps({**content, **changed}), encoding="utf-8")
    with pytest.raises(DataError, match=f"vocabulary.json.*{message}"):
        load_vocabulary(prepared)


def test_images_have_no_vocabulary(tmp_path: Path, list_sources: Callable[[list[Source]], None]) -> None:
    list_sources([])
    prepare(dataset="glyphs", raw=tmp_path, output=tmp_path / "glyphs")
    assert load_vocabulary(tmp_path / "glyphs") == ()
    assert not (tmp_path / "glyphs/vocabulary.json").exists()


@pytest.mark.parametrize(
    ("dataset", "sha256"),
    [
        ("ptb", "7e3cdc026224bdc8f42dca389fdae6301c8e4ccf71368c71dd11d2b256777069"),
        ("mnist", "d880c49ff0a5dc99cf456985a535b106a10c665fcc3cca8ced46e7633239bd73"),
    ],
)
def test_the_real_data_are_those_of_every_kept_record(
    real_data: Path, tmp_path: Path, dataset: str, sha256: str
) -> None:
    prepare(dataset=dataset, raw=real_data / dataset, output=tmp_path / dataset)
    assert load_dataset(tmp_path / dataset).sha256 == sha256


def test_the_manifest_says_what_was_made_from_what(prepared: Path, raw: Path) -> None:
    manifest = json.loads((prepared / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema_version"] == 1
    assert manifest["version"] == ptb.VERSION
    assert manifest["arrays"]["train"]["dtype"] == "int32"
    assert manifest["arrays"]["train"]["shape"] == [5]
    assert manifest["sources"] == {path.name: hash_file(path) for path in raw.iterdir()}


def test_the_same_files_give_the_same_hash(prepared: Path, raw: Path, tmp_path: Path) -> None:
    prepare(dataset="ptb", raw=raw, output=tmp_path / "again")
    assert load_dataset(tmp_path / "again").sha256 == load_dataset(prepared).sha256


def test_an_edited_raw_file_is_refused_by_name(raw: Path, tmp_path: Path) -> None:
    (raw / "ptb.valid.txt").write_text(" b \n", encoding="utf-8")
    with pytest.raises(DataError, match=r"ptb.valid.txt: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}; delete it"):
        prepare(dataset="ptb", raw=raw, output=tmp_path / "ptb")
    assert not (tmp_path / "ptb").exists()


def test_a_missing_raw_file_is_refused_by_name(raw: Path, tmp_path: Path) -> None:
    (raw / "ptb.valid.txt").unlink()
    with pytest.raises(DataError, match=r"ptb.valid.txt: missing"):
        prepare(dataset="ptb", raw=raw, output=tmp_path / "ptb")


@pytest.mark.parametrize("name", ["train.npy", "test.npy", "manifest.json"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
def test_a_flipped_bit_in_a_prepared_file_is_noticed(prepared: Path, name: str, place: float) -> None:
    path = prepared / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=name):
        load_dataset(prepared)


@pytest.mark.parametrize("name", ["train.npy", "manifest.json"])
def test_a_missing_prepared_file_is_named(prepared: Path, name: str) -> None:
    (prepared / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: missing"):
        load_dataset(prepared)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"schema_version": 0}'])
def test_another_manifest_is_refused(prepared: Path, content: str) -> None:
    (prepared / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="expected schema_version 1"):
        load_dataset(prepared)


def test_a_preparation_that_fails_leaves_no_manifest_of_the_one_before(
    prepared: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="no space"):
        prepare(dataset="ptb", raw=raw, output=prepared)
    assert not (prepared / "manifest.json").exists()


def text(vocabulary: Sequence[str] = ("a", "b", "c"), **changed: np.ndarray) -> Prepared:
    arrays = dict.fromkeys(datasets.SPLITS, np.array([0, 1, 2], np.int32)) | changed
    return Prepared(arrays, {"vocab_size": 3}, vocabulary)


def images(**changed: np.ndarray) -> Prepared:
    arrays = {f"{split}_images": np.zeros((2, 28, 28), np.uint8) for split in datasets.SPLITS}
    arrays |= {f"{split}_labels": np.array([0, 4], np.uint8) for split in datasets.SPLITS}
    return Prepared(arrays | changed, {"classes": 5})


def test_the_format_of_each_task_is_accepted() -> None:
    check("some", "language_model", text())
    check("some", "classifier", images())


@pytest.mark.parametrize(
    ("task", "wrong", "message"),
    [
        ("language_model", text(extra=np.zeros(1, np.int32)), "expected the arrays train, valid, test, found"),
        ("language_model", text(valid=np.zeros(3, np.int64)), r"expected valid to be int32 .* found int64\[3\]"),
        ("language_model", text(valid=np.zeros(0, np.int32)), r"not empty, found int32\[0\]"),
        ("language_model", text(test=np.array([0, 3], np.int32)), "below vocab_size 3, found 0 to 3"),
        ("language_model", text(test=np.array([-1, 2], np.int32)), "below vocab_size 3, found -1 to 2"),
        ("language_model", text(("a", "b")), "expected 3 different words, found 2 in a vocabulary of 2"),
        ("language_model", text(("a", "b", "a")), "expected 3 different words, found 2 in a vocabulary of 3"),
        ("classifier", images(train_labels=np.array([0, 5], np.uint8)), "below classes 5, found 0 to 5"),
        ("classifier", images(train_labels=np.array([0], np.uint8)), "a label for each of 2 train_images, found 1"),
        ("classifier", images(test_images=np.zeros((2, 784), np.uint8)), "uint8 with 3 dimensions"),
    ],
)
def test_another_format_is_refused(task: str, wrong: Prepared, message: str) -> None:
    with pytest.raises(DataError, match=f"data set some: .*{message}"):
        check("some", task, wrong)


@pytest.mark.parametrize("name", datasets.names())
def test_every_data_set_offers_what_a_data_set_must(name: str) -> None:
    module = datasets.load_module(name)
    assert module.TASK in ("language_model", "classifier")
    assert isinstance(module.VERSION, int)
    assert callable(module.prepare)


def test_an_unknown_data_set_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"unknown data set 'ptbb' \(did you mean ptb\?\); known: .*mnist, .*ptb"):
        datasets.load_module("ptbb")


def test_every_listed_source_can_be_used() -> None:
    names = {line.split("\t")[0] for line in datasets.SOURCES.read_text(encoding="utf-8").splitlines()[1:]}
    assert names == {"ptb", "mnist"}
    for source in [source for name in names for source in datasets.sources(name)]:
        assert len(bytes.fromhex(source.sha256)) == 32, source
        assert source.bytes > 0, source
        assert source.url.startswith(("https://", "http://")), source
        assert bool(source.member) == source.url.endswith(".tgz"), source
        assert source.licence, source


def test_rows_that_disagree_on_a_checksum_are_refused(list_sources: Callable[[list[Source]], None]) -> None:
    list_sources([Source("ptb", "ptb.train.txt", 1, mark * 64, "https://127.0.0.1/", "", "none") for mark in "ab"])
    with pytest.raises(DataError, match="data set ptb: rows for the same file differ"):
        datasets.sources("ptb")


def test_the_command_line_prepares_and_exits_with_the_error_s_code(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--dataset", "ptb", "--raw", str(raw), "--output", str(tmp_path / "ptb")]
    assert run(lambda: run_command("prepare", arguments)) == 0
    assert load_dataset(tmp_path / "ptb").name == "ptb"
    (raw / "ptb.test.txt").unlink()
    assert run(lambda: run_command("prepare", arguments)) == DataError.exit_code
    assert "ptb.test.txt: missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["ptb", "mnist"])
def test_the_real_files_are_those_listed(real_data: Path, tmp_path: Path, name: str) -> None:
    prepare(dataset=name, raw=real_data / name, output=tmp_path / name)
    assert load_dataset(tmp_path / name).name == name
    for source in datasets.sources(name):
        assert (real_data / name / source.file).stat().st_size == source.bytes


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    path = tmp_path / "my novel.txt"
    path.write_text("a b a\n" * 30, encoding="utf-8")
    return path


def test_a_text_of_ones_own_is_prepared_by_the_command_line_by_words_or_characters(novel: Path, tmp_path: Path) -> None:
    run_command("prepare", ["--dataset", "novel", "--text", str(novel), "--output", str(tmp_path / "words")])
    assert load_vocabulary(tmp_path / "words") == ("a", "<eos>", "b", "<unk>")
    by_character = ["--dataset", "novel", "--text", str(novel), "--level", "character"]
    run_command("prepare", [*by_character, "--output", str(tmp_path / "characters")])
    assert load_vocabulary(tmp_path / "characters") == (" ", "a", "\n", "b", "<unk>")


def test_what_is_prepared_of_ones_own_text_does_not_depend_on_its_place(novel: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run_command("prepare", ["--dataset", "novel", "--text", str(novel), "--output", str(tmp_path / "before")])
    moved = novel.rename(tmp_path / "elsewhere/moved.txt")
    run_command("prepare", ["--dataset", "novel", "--text", str(moved), "--output", str(tmp_path / "after")])
    assert (tmp_path / "before/manifest.json").read_bytes() == (tmp_path / "after/manifest.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ptb", "data set 'ptb': a shipped data set has this name; choose another"),
        ("My Novel", "data set 'My Novel': expected a name of a-z"),
        ("a\n", "expected a name of a-z"),
        ("", "expected a name of a-z"),
    ],
)
def test_a_name_that_is_taken_or_unsafe_is_refused_for_ones_own_text(
    novel: Path, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_command("prepare", ["--dataset", name, "--text", str(novel), "--output", str(tmp_path / "data")])


def test_a_level_without_a_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--level word: expected --text with it, found none"):
        run_command("prepare", ["--dataset", "ptb", "--level", "word", "--output", str(tmp_path)])

"""A text that a user supplies: words or characters, its split, and what is refused."""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench import datasets
from lstmbench.datasets import SPLITS, own_text
from lstmbench.utils.errors import BenchError, DataError, ResourceError, UsageError

LINES = "".join(f"the line {number % 3} of a text\n" for number in range(40))

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=5)
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=20, max_size=60).filter(
    lambda lines: any(map(str.strip, lines[:18])) and "\ufeff" not in "".join(lines)
)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("text") / "novel.txt"


def read_back(prepared: datasets.Prepared, split: str) -> list[str]:
    return [prepared.vocabulary[number] for number in prepared.arrays[split]]


@given(lines=TEXTS)
def test_the_characters_of_all_splits_are_the_text_again_but_for_what_training_has_once(
    scratch: Path, lines: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in lines)
    prepared = own_text.prepare(write(scratch, text), "character")
    read = [token for split in SPLITS for token in read_back(prepared, split)]
    counts = Counter(text[: len(prepared.arrays["train"])])
    assert read == [one if counts[one] > 1 else "<unk>" for one in text]
    assert prepared.facts["vocab_size"] == len(prepared.vocabulary) == len(set(prepared.vocabulary))


@given(lines=TEXTS)
def test_the_words_of_all_splits_are_the_text_again_but_for_what_training_has_once(
    scratch: Path, lines: list[str]
) -> None:
    prepared = own_text.prepare(write(scratch, "".join(f"{line}\n" for line in lines)), "word")
    words = [word for line in lines for word in [*line.split(), "<eos>"]]
    counts = Counter(words[: len(prepared.arrays["train"])])
    read = [token for split in SPLITS for token in read_back(prepared, split)]
    assert read == [word if counts[word] > 1 else "<unk>" for word in words]


@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    level=st.sampled_from(("word", "character")),
)
def test_any_bytes_are_read_or_refused_in_one_line(scratch: Path, content: bytes, level: own_text.Level) -> None:
    scratch.write_bytes(content)
    refused = None
    try:
        prepared = own_text.prepare(scratch, level)
    except BenchError as error:
        refused = str(error)
    if refused is None:
        assert all(len(ids) for ids in prepared.arrays.values())
    else:
        assert str(scratch) in refused
        assert "\n" not in refused


def test_the_first_90_percent_of_the_lines_are_for_training_and_5_and_5_follow(tmp_path: Path) -> None:
    text = "".join(f"{number}\n" for number in range(40))
    arrays = own_text.prepare(write(tmp_path / "n.txt", text), "word").arrays
    assert {split: len(ids) / 2 for split, ids in arrays.items()} == {"train": 36, "valid": 2, "test": 2}


def test_the_ids_follow_the_frequency_in_the_training_text_and_unknown_words_are_one_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "novel"
    folder.mkdir()
    write(folder / "train.txt", "b b b a a once twice\ntwice\n")
    write(folder / "valid.txt", "a new\n")
    write(folder / "test.txt", "once <eos>\n")
    prepared = own_text.prepare(folder, "word")
    assert prepared.vocabulary == ["b", "<eos>", "a", "twice", "<unk>"]
    assert read_back(prepared, "train") == ["b", "b", "b", "a", "a", "<unk>", "twice", "<eos>", "twice", "<eos>"]
    assert read_back(prepared, "valid") == ["a", "<unk>", "<eos>"]
    assert read_back(prepared, "test") == ["<unk>", "<eos>", "<eos>"]


def test_a_text_that_has_unk_already_keeps_it_as_one_word(tmp_path: Path) -> None:
    prepared = own_text.prepare(write(tmp_path / "n.txt", "a <unk> b <unk>\n" * 20), "word")
    assert sorted(prepared.vocabulary) == ["<eos>", "<unk>", "a", "b"]
    assert read_back(prepared, "test") == ["a", "<unk>", "b", "<unk>", "<eos>"]


def test_newline_and_space_are_characters_of_the_vocabulary(tmp_path: Path) -> None:
    assert {"\n", " ", "<unk>"} < set(own_text.prepare(write(tmp_path / "n.txt", LINES), "character").vocabulary)


def test_what_is_said_of_a_text_is_its_split_its_level_and_what_is_unknown(tmp_path: Path) -> None:
    facts = own_text.prepare(write(tmp_path / "n.txt", LINES), "word").facts
    assert facts["level"] == "word"
    assert facts["about"] == (
        "Text that the user supplied, read word by word: 252 words for training, 14 for validation and 14 for "
        "the test. Of the 40 lines the first 90 % are for training, the next 5 % for validation, the last 5 % for the "
        "test. "
        "The vocabulary has 10 words. What the training text has only once, or not at all, is <unk>: 0 % of the test."
    )


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")])
def test_the_files_of_a_folder_are_found_by_a_part_of_their_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    for split, name in zip(SPLITS, names, strict=True):
        write(tmp_path / name, f"{split} {split}\n\n")
    write(tmp_path / ".train.txt.swp", "an editor's")
    write(tmp_path / "README.txt", "no split")
    assert own_text.contents(tmp_path).keys() == set(SPLITS)
    assert own_text.prepare(tmp_path, "word").facts["vocab_size"] == 3


def test_the_contents_are_those_of_the_files_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = own_text.contents(write(tmp_path / "novel.txt", LINES))
    assert first == own_text.contents(write(tmp_path / "elsewhere/other.txt", LINES))
    assert first != own_text.contents(write(tmp_path / "elsewhere/other.txt", LINES + "x"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected words, found none in 0 bytes"),
        (b" \n\n", "expected words, found none in 3 bytes"),
        ("naïve\n".encode("latin-1") * 30, "expected UTF-8 text, found byte 0xef at offset 2"),
        (LINES.encode("utf-16"), "expected UTF-8 text, found byte 0xff at offset 0"),
        (LINES.replace("\n", "\r\n").encode(), "expected line ends LF, found CR LF in 40 of 40 lines"),
        (LINES.replace("\n", "\r\n", 1).encode(), "expected line ends LF, found CR LF in 1 of 40 lines"),
        (LINES.replace("\n", "\r").encode(), "found a carriage return without a line feed at offset 20"),
        (LINES.replace("\n", " ").encode(), "expected line ends, found none in 840 characters"),
        (b"a b\n" * 19, "expected at least 20 lines, to be split into train, valid and test, found 19"),
        (b"a\0b\n" * 30, "found the control character 0x00 at offset 1"),
    ],
)
def test_a_file_that_is_no_text_in_lines_is_refused_with_numbers(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "novel.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(f"{path}: ")) as raised:
        own_text.prepare(path, "word")
    assert message in str(raised.value)


def test_an_archive_a_folder_or_nothing_is_refused_before_it_is_read(tmp_path: Path) -> None:
    text = write(tmp_path / "text", LINES)
    packed = tmp_path / "novel.txt.gz"
    packed.write_bytes(gzip.compress(LINES.encode()))
    with zipfile.ZipFile(tmp_path / "novel.zip", "w") as archive:
        archive.write(text)
    with tarfile.open(tmp_path / "novel.tar", "w") as archive:
        archive.add(text, "novel.txt")
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder/novel.txt", LINES)
    expected = {
        "novel.txt.gz": "expected a text file (UTF-8), found a gzip file; unpack it",
        "novel.zip": "found a zip archive",
        "novel.tar": "found a tar archive",
        "missing.txt": "expected a text file (UTF-8), found nothing",
        "folder": "expected one file for each of train, valid and test, such as train.txt; found none for train",
    }
    for name, message in expected.items():
        with pytest.raises(UsageError, match=re.escape(message)):
            own_text.contents(tmp_path / name)


def test_a_folder_with_two_files_for_a_split_or_a_folder_as_one_is_refused(tmp_path: Path) -> None:
    for name in ("train.txt", "valid.txt", "test.txt", "old.train.txt"):
        write(tmp_path / name, f"{name}\n")
    with pytest.raises(UsageError, match=r"found old\.train\.txt, train\.txt for train"):
        own_text.contents(tmp_path)
    (tmp_path / "old.train.txt").unlink()
    (tmp_path / "test.txt").unlink()
    (tmp_path / "test").mkdir()
    with pytest.raises(UsageError, match=r"test: expected a text file \(UTF-8\), found a folder"):
        own_text.contents(tmp_path)


def test_a_text_larger_than_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_text, "memory_limit_bytes", lambda: 6000)
    with pytest.raises(
        ResourceError, match=r"a text of 840 bytes needs about 0 MB of memory; expected no more than 0 MB"
    ):
        own_text.prepare(write(tmp_path / "novel.txt", LINES), "word")


def test_a_test_that_is_the_training_text_is_refused(tmp_path: Path) -> None:
    for split in SPLITS:
        write(tmp_path / f"{split}.txt", "the same\n" if split != "valid" else "another\n")
    with pytest.raises(UsageError, match="expected another text for test than for train, found the same"):
        own_text.contents(tmp_path)

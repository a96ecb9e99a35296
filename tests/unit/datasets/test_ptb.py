"""The PTB reader and the cutting of a text into batches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.datasets import ptb
from lstmbench.utils.errors import DataError, UsageError

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1).filter(
    lambda word: word.split() == [word]
)
SENTENCES = st.lists(st.lists(WORDS, max_size=5), min_size=1, max_size=8).filter(any)


def write_splits(folder: Path, **texts: str) -> Path:
    for split in ("train", "valid", "test"):
        (folder / f"ptb.{split}.txt").write_text(texts.get(split, " a b \n"), encoding="utf-8")
    return folder


def test_line_ends_become_words(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text(" no it was \n\n but\nwhile ", encoding="utf-8")
    assert ptb.read_words(path) == ["no", "it", "was", "<eos>", "<eos>", "but", "<eos>", "while"]


def test_ids_go_by_falling_frequency_then_by_word(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("b b b c a c a d\n", encoding="utf-8")
    assert ptb.build_vocab(path) == {"b": 0, "a": 1, "c": 2, "<eos>": 3, "d": 4}


def test_a_batch_is_cut_as_drawn() -> None:
    x, y = ptb.batch_windows(np.arange(16), batch_size=2, num_steps=3)
    assert x.tolist() == [[[0, 1, 2], [8, 9, 10]], [[3, 4, 5], [11, 12, 13]]]
    assert y.tolist() == [[[1, 2, 3], [9, 10, 11]], [[4, 5, 6], [12, 13, 14]]]
    assert x.dtype == y.dtype == np.int32


@given(st.integers(1, 300), st.integers(1, 7), st.integers(1, 9))
def test_batches_are_those_of_the_tutorial(tokens: int, batch_size: int, num_steps: int) -> None:
    # ptb_producer in models/tutorials/rnn/ptb/reader.py, read as a specification.
    row_length = tokens // batch_size
    epoch_size = (row_length - 1) // num_steps
    ids = np.arange(tokens)
    if epoch_size < 1:
        with pytest.raises(UsageError):
            list(ptb.batch_producer(ids, batch_size, num_steps))
        return
    batches = list(ptb.batch_producer(ids, batch_size, num_steps))
    assert len(batches) == epoch_size
    for step, (x, y) in enumerate(batches):
        assert x.shape == y.shape == (batch_size, num_steps)
        for row in range(batch_size):
            start = row * row_length + step * num_steps
            assert x[row].tolist() == list(range(start, start + num_steps))
            assert y[row].tolist() == list(range(start + 1, start + num_steps + 1))


@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 9))
def test_the_limits_named_for_a_short_text_are_the_largest_that_work(
    tokens: int, batch_size: int, num_steps: int
) -> None:
    ids = np.arange(tokens)
    try:
        ptb.batch_windows(ids, batch_size, num_steps)
    except UsageError as error:
        most_steps, most_rows = (int(part.split(",")[0]) for part in str(error).split("at most ")[1:])
    else:
        return
    for rows, steps, limit in ((batch_size, most_steps, most_steps), (most_rows, num_steps, most_rows)):
        if limit:
            ptb.batch_windows(ids, rows, steps)
    for rows, steps in ((batch_size, most_steps + 1), (most_rows + 1, num_steps)):
        with pytest.raises(UsageError):
            ptb.batch_windows(ids, rows, steps)


@pytest.mark.parametrize(("batch_size", "num_steps"), [(0, 3), (3, 0), (-1, 3)])
def test_batches_without_rows_or_steps_are_refused(batch_size: int, num_steps: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        ptb.batch_windows(np.arange(16), batch_size, num_steps)


@given(SENTENCES)
def test_ids_lead_back_to_the_words(tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("ptb") / "text"
    path.write_bytes("".join(f" {' '.join(words)} \n" for words in sentences).encode())
    word_to_id = ptb.build_vocab(path)
    ids = ptb.file_to_word_ids(path, word_to_id)
    words = sorted(word_to_id, key=word_to_id.__getitem__)
    assert [words[number] for number in ids] == [word for line in sentences for word in [*line, "<eos>"]]
    counts = Counter(ids.tolist())
    assert [counts[number] for number in range(len(words))] == sorted(counts.values(), reverse=True)


@given(st.binary(max_size=200))
def test_any_bytes_are_words_or_a_data_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("ptb") / "text"
    path.write_bytes(content)
    try:
        words = ptb.read_words(path)
    except DataError:
        return
    assert words
    assert "".join(words).replace("<eos>", "") == "".join(content.decode().replace("<eos>", "").split())


@pytest.mark.parametrize("text", ["", " \n \n"])
def test_a_text_without_words_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"ptb.test.txt: expected words, found none in \d bytes"):
        ptb.prepare(write_splits(tmp_path, test=text))


def test_a_text_that_is_not_utf8_is_refused_with_the_offset(tmp_path: Path) -> None:
    (write_splits(tmp_path) / "ptb.valid.txt").write_bytes(b" a b \xff \n")
    with pytest.raises(DataError, match=r"ptb.valid.txt: expected UTF-8 text, found byte 0xff at offset 5"):
        ptb.prepare(tmp_path)


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    (write_splits(tmp_path) / "ptb.train.txt").write_bytes("\ufeffw1 w2 \n".encode())
    assert list(ptb.build_vocab(tmp_path / "ptb.train.txt")) == ["<eos>", "w1", "w2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a b\n\ufeffa b\n".encode(), "a byte order mark at offset 4"),
        ("\ufeff\ufeffa b\n".encode(), "a byte order mark at offset 3"),
        (b"a b\x00c\n", "the control character 0x00 at offset 3"),
        ("ü a\x1b b\n".encode(), "the control character 0x1b at offset 4"),
        ("ü a\x85b\n".encode(), "the control character 0x85 at offset 4"),
        ("a b\n".encode("utf-16"), "byte 0xff at offset 0"),
        ("a b\n".encode("utf-16-le"), "the control character 0x00 at offset 1"),
        (b"a b\rc d\ra b\r", "a carriage return without a line feed at offset 3"),
    ],
)
def test_what_no_text_holds_is_refused_with_the_offset(tmp_path: Path, content: bytes, message: str) -> None:
    (write_splits(tmp_path) / "ptb.test.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"ptb\.test\.txt: expected .*, found {message}"):
        ptb.prepare(tmp_path)


def test_line_ends_of_windows_are_line_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a b\r\nc\r\n")
    assert ptb.read_words(path) == ["a", "b", "<eos>", "c", "<eos>"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b c", "no line end: no <eos> among its words"),
        ("a\nb <eos> c\n", "a word <eos> of its own at offset 4"),
        ("a\nb \ufffd c\n", "a character that could not be decoded once (U+FFFD) at offset 4"),
        ("a\nb\u00a0c\n", "a space that is not U+0020 (U+00A0) at offset 3"),
        ("\ufeffa\nb\u00a0c\n", "a space that is not U+0020 (U+00A0) at offset 6"),
        (f"a\nb {'x' * 101} c\n", "a word of 101 characters at offset 4"),
    ],
)
def test_what_looks_wrong_in_a_text_is_said_once_and_the_text_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    write_splits(tmp_path, train=text, valid="a\n" if "\n" in text else "a", test="a\n" if "\n" in text else "a")
    ptb.prepare(tmp_path)
    output = [line for line in capsys.readouterr().err.splitlines() if "ptb.train.txt" in line]
    assert output == [f"{tmp_path / 'ptb.train.txt'}: is this meant? It holds {message}."]


def test_nothing_is_said_of_an_ordinary_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ptb.prepare(write_splits(tmp_path, train=" a naïve b <unk> \n N b \t a \n\n"))
    assert capsys.readouterr().err == ""


def test_words_that_the_training_text_lacks_are_refused_and_five_listed(tmp_path: Path) -> None:
    write_splits(tmp_path, valid=" a u1 u2 u3 u1 u4 u5 u6 \n")
    with pytest.raises(DataError, match=r"ptb.valid.txt: 6 words .*: 'u1', 'u2', 'u3', 'u4', 'u5', \.\.\.$"):
        ptb.prepare(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (write_splits(tmp_path) / "ptb.test.txt").unlink()
    with pytest.raises(DataError, match=r"ptb.test.txt: missing"):
        ptb.prepare(tmp_path)


def test_real_ptb_has_the_sizes_and_ids_of_the_tutorial(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Token counts and the vocabulary's size: Mikolov's simple-examples and every paper that uses it.  The ids are
    # what the tutorial's reader.py gives on these files.
    prepared = ptb.prepare(real_data / "ptb")
    assert capsys.readouterr().err == ""
    assert prepared.facts == {"vocab_size": 10_000}
    assert {split: len(ids) for split, ids in prepared.arrays.items()} == {
        "train": 929_589,
        "valid": 73_760,
        "test": 82_430,
    }
    first = [9970, 9971, 9972, 9974, 9975, 9976, 9980, 9981, 9982, 9983]
    assert prepared.arrays["train"][:10].tolist() == first
    word_to_id = ptb.build_vocab(real_data / "ptb" / "ptb.train.txt")
    assert list(word_to_id)[:6] == ["the", "<unk>", "<eos>", "N", "of", "to"]


@pytest.mark.parametrize(("num_steps", "train_steps", "valid_steps"), [(20, 2323, 184), (35, 1327, 105)])
def test_real_ptb_has_the_steps_of_the_tutorial(
    real_data: Path, num_steps: int, train_steps: int, valid_steps: int
) -> None:
    arrays = ptb.prepare(real_data / "ptb").arrays
    assert len(ptb.batch_windows(arrays["train"], 20, num_steps)[0]) == train_steps
    assert len(ptb.batch_windows(arrays["valid"], 20, num_steps)[0]) == valid_steps
    assert ptb.batch_windows(arrays["test"], 1, 1)[0].size == 82_429

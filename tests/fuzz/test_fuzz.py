"""Bytes from nowhere into every reader: each answers with what the bytes say, or with an error that names the file.

``make fuzz``; LSTMBENCH_FUZZ_EXAMPLES is the number of inputs per reader.
"""

from __future__ import annotations

import gzip
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from lstmbench.datasets import mnist, own_images, own_text, ptb
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.preparation.prepare import check
from lstmbench.records.run import read_record
from lstmbench.training.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.utils.errors import BenchError, DataError, UsageError
from lstmbench.utils.files import hash_arrays, hash_arrays_in, read_arrays
from tests.factories.records import make_record
from tests.helpers.expect_error import taken_or_refused

pytestmark = pytest.mark.fuzz

EXAMPLES = int(os.environ.get("LSTMBENCH_FUZZ_EXAMPLES", "2000"))
fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that are written over again and again."""
    return tmp_path_factory.mktemp("fuzz")


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """Anything at all, or ``good`` with some bytes changed, cut off or put in."""
    places = st.integers(0, len(good))
    edits = st.lists(st.tuples(places, st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4)

    def edit(changes: list[tuple[int, int, bytes]]) -> bytes:
        content = good
        for place, dropped, added in changes:
            content = content[:place] + added + content[place + dropped :]
        return content

    return st.one_of(st.binary(max_size=300), edits.map(edit))


TEXT = " the cat sat on the <unk> \n a dog \u00e9 ran \n".encode() * 3
IMAGES = gzip.compress(struct.pack(">4I", 2051, 3, 2, 2) + bytes(range(12)), mtime=0)
LABELS = struct.pack(">2I", 2049, 3) + bytes([1, 2, 1])
OWN_IMAGES = {
    "train-images-idx3-ubyte.gz": IMAGES,
    "train-labels-idx1-ubyte": LABELS,
    "t10k-images-idx3-ubyte": struct.pack(">4I", 2051, 3, 2, 2) + bytes(range(12, 24)),
    "t10k-labels-idx1-ubyte": LABELS,
}
TENSORS = save({"embedding": np.arange(6, dtype=np.float32).reshape(2, 3), "output.bias": np.zeros(3, np.float32)})
PRESET = (PRESETS / "ptb/small.yaml").read_bytes()
RECORD = json.dumps(make_record()).encode()


@fuzzed
@given(content=damaged(TEXT))
def test_a_text_is_words_or_refused(scratch, content):
    path = scratch / "text"
    path.write_bytes(content)
    with taken_or_refused(DataError, path):
        words = ptb.read_words(path)
        assert words
        assert all(words)


@fuzzed
@given(content=damaged(IMAGES))
def test_images_are_arrays_or_refused(scratch, content):
    path = scratch / "images.gz"
    path.write_bytes(content)
    with taken_or_refused(DataError, path):
        array = mnist.read_idx(path, (2, 2))
        assert array.dtype == np.uint8
        assert array.shape[1:] == (2, 2)


@fuzzed
@given(content=damaged(TEXT * 10), level=st.sampled_from(["word", "character"]))
def test_a_text_of_ones_own_is_ids_or_refused(scratch, content, level):
    path = scratch / "own.txt"
    path.write_bytes(content)
    with taken_or_refused(BenchError, path):
        own_text.contents(path)
        prepared = own_text.prepare(path, level)
        assert all(ids.size and ids.max() < prepared.facts["vocab_size"] for ids in prepared.arrays.values())


@fuzzed
@given(content=damaged(IMAGES), name=st.sampled_from(sorted(OWN_IMAGES)))
def test_images_of_ones_own_are_arrays_or_refused(scratch, content, name):
    folder = scratch / "own"
    folder.mkdir(exist_ok=True)
    for file, good in OWN_IMAGES.items():
        (folder / file).write_bytes(content if file == name else good)
    with taken_or_refused(BenchError, folder):
        own_images.contents(folder)
        check("own", "classifier", own_images.prepare(folder))


@fuzzed
@given(content=damaged(TENSORS))
def test_tensors_are_arrays_or_refused(scratch, content):
    path = scratch / "weights.safetensors"
    path.write_bytes(content)
    with taken_or_refused(DataError, path):
        arrays = read_arrays(path)
        assert all(isinstance(value, np.ndarray) for value in arrays.values())
        assert hash_arrays_in(path) == hash_arrays(arrays)


@fuzzed
@given(data=st.data())
def test_a_checkpoint_is_the_one_that_was_saved_or_passed_over(scratch, data):
    folder = CheckpointFolder(scratch / "checkpoints", {"run": "this"})
    arrays = {"weights/output.bias": np.arange(4, dtype=np.float32)}
    folder.clear()
    folder.save(Checkpoint(arrays, {"updates": 7}))
    path = folder.latest()
    good = path.read_bytes()
    content = data.draw(damaged(good))
    path.write_bytes(content)
    output: list[str] = []
    found = folder.newest(output.append)
    if found is None:
        assert str(path) in output[0]
    else:
        assert found.progress == {"updates": 7}
        assert np.array_equal(found.arrays["weights/output.bias"], arrays["weights/output.bias"])


@fuzzed
@given(content=damaged(PRESET))
def test_a_preset_is_taken_or_refused(scratch, content):
    path = scratch / "preset.yaml"
    path.write_bytes(content)
    with taken_or_refused(UsageError, path):
        preset = load_preset(path)
        assert preset.batch_size >= 1
        assert yaml.safe_load(content)


@fuzzed
@given(content=damaged(RECORD))
def test_a_record_is_taken_or_refused(scratch, content):
    path = scratch / "run.json"
    path.write_bytes(content)
    with taken_or_refused(BenchError, path):
        read_record(path)

"""A user's own text and images: trained like any other data, repeated if and only if their content changes."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.workdir import TINY, Workdir, copy_workdir

TEXT = "".join(f"the line {number % 7} of a text by me\n" for number in range(700))
RUNS = "results/tiny/tables/runs.csv"
OWN = {
    "datasets": "[novel, fashion]",
    "implementations": "[reference]",
    "texts": "{novel: my text.txt}",
    "images": "{fashion: fashion}",
}


def write_images(folder: Path, labels: list[int]) -> None:
    """Write a data set in MNIST's format, one half of it gzipped, whose images are 10 rows of 6 columns."""
    folder.mkdir(exist_ok=True)
    for part, name in (("train", "train"), ("test", "t10k")):
        there = np.array(labels if part == "train" else labels[:20], np.uint8)
        pixels = np.broadcast_to((there * 40)[:, None, None], (len(there), 10, 6))
        images = struct.pack(">4I", 0x0803, *pixels.shape) + pixels.tobytes()
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x0801, len(there)) + there.tobytes())


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A workdir with a text and images of a user's own, and the runs on both."""
    root = tmp_path_factory.mktemp("own")
    copy_workdir(root)
    for name in OWN["datasets"].strip("[]").split(", "):
        (root / f"workflow/presets/{name}").mkdir()
        (root / f"workflow/presets/{name}/tiny.yaml").write_text(TINY, encoding="utf-8")
    (root / "my text.txt").write_text(TEXT, encoding="utf-8")
    write_images(root / "fashion", [1, 2, 3, 4] * 30)
    workdir = Workdir(root)
    done = workdir.snakemake(RUNS, **OWN)
    assert done.returncode == 0, done.stdout
    return workdir


def record(own: Workdir, dataset: str) -> dict[str, object]:
    path = own.root / f"results/tiny/runs/{dataset}/tiny/reference/cpu/seed-1/run.json"
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_a_text_and_images_of_ones_own_are_trained_and_their_records_say_what_they_are(own: Workdir) -> None:
    facts = record(own, "novel")["data"]["facts"]
    assert facts["level"] == "word"
    assert facts["vocab_size"] == 7 + 7 + 2  # words, numbers, <eos> and <unk>
    facts = record(own, "fashion")["data"]["facts"]
    assert (facts["classes"], facts["rows"], facts["columns"]) == (4, 10, 6)
    assert "labels are 1 to 4, numbered from 0" in facts["about"]
    assert str(own.root) not in json.dumps([record(own, "novel"), record(own, "fashion")])


def test_a_touched_or_moved_or_repacked_file_repeats_nothing(own: Workdir) -> None:
    assert not own.planned(RUNS, **OWN)
    (own.root / "my text.txt").touch()
    (own.root / "fashion/train-images-idx3-ubyte.gz").touch()
    assert not own.planned(RUNS, **OWN)
    (own.root / "elsewhere").mkdir()
    moved = (own.root / "my text.txt").rename(own.root / "elsewhere/it's moved.txt")
    images = own.root / "fashion/train-images-idx3-ubyte.gz"
    packed = images.read_bytes()
    images.with_suffix("").write_bytes(gzip.decompress(packed))
    images.unlink()
    try:
        assert not own.planned(RUNS, **{**OWN, "texts": '{novel: "elsewhere/it\'s moved.txt"}'})
    finally:
        moved.rename(own.root / "my text.txt")
        images.with_suffix("").unlink()
        images.write_bytes(packed)


@pytest.mark.parametrize(
    ("changed", "repeated"),
    [("my text.txt", "novel"), ("fashion/t10k-labels-idx1-ubyte", "fashion")],
)
def test_changed_content_repeats_exactly_the_runs_on_it(own: Workdir, changed: str, repeated: str) -> None:
    path = own.root / changed
    before = path.read_bytes()
    path.write_bytes(before[:-2] + before[-1:] * 2)
    try:
        plan = own.snakemake("--dry-run", RUNS, **OWN)
    finally:
        path.write_bytes(before)
    assert own.planned(RUNS, **OWN) == {}
    assert plan.stdout.count(f"Preparing {repeated}") == plan.stdout.count(f"Training {repeated}") == 1
    other = {"novel": "fashion", "fashion": "novel"}[repeated]
    assert f"Preparing {other}" not in plan.stdout
    assert f"Training {other}" not in plan.stdout


def test_reading_the_same_text_by_characters_prepares_and_trains_it_again(own: Workdir) -> None:
    texts = "{novel: {path: my text.txt, level: character}}"
    jobs = own.planned(RUNS, **{**OWN, "texts": texts})
    assert (jobs["prepare"], jobs["train"]) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": "{novel: our text.txt}"}, "E2-USAGE: texts novel: our text.txt: expected a text file (UTF-8)"),
        ({"texts": "{novel: fashion}"}, "E2-USAGE: texts novel: fashion: expected one file for each of train, valid"),
        ({"images": "{fashion: my text.txt}"}, "E2-USAGE: images fashion: my text.txt: expected a folder with four"),
        ({"texts": "{ptb: my text.txt}"}, "E2-USAGE: data set 'ptb': a shipped data set has this name"),
    ],
)
def test_what_is_no_such_data_is_refused_in_one_line_before_any_job(
    own: Workdir, changes: dict[str, str], message: str
) -> None:
    refused = own.snakemake("--dry-run", RUNS, **{**OWN, **changes})
    assert refused.returncode == 2
    (line,) = [line for line in refused.stdout.splitlines() if "error" in line]
    assert message in line


def test_a_job_on_another_machine_needs_no_file_of_the_user(own: Workdir) -> None:
    target = "results/tiny/runs/novel/tiny/reference/cpu/seed-1/run.json"
    gone = {**OWN, "texts": "{novel: gone.txt}", "images": "{fashion: gone}"}
    there = own.snakemake(target, "--mode", "remote", "--dry-run", "--allowed-rules", "train", "--force", **gone)
    assert there.returncode == 0, there.stdout


def test_a_text_that_is_too_short_stops_before_training_with_one_line(own: Workdir) -> None:
    (own.root / "short.txt").write_text("a b\n" * 100, encoding="utf-8")
    speed = "{sizes: [small], implementations: [reference], processes: 1, attempts: 1, blocks: 2}"
    short = {**OWN, "datasets": "[short]", "texts": "{short: short.txt}", "sizes": "[small]", "speed": speed}
    done = own.snakemake(RUNS, **short)
    assert done.returncode != 0
    expected = "short: expected at least 420 words or characters in its training text for one batch"
    (line,) = {line for line in done.stdout.splitlines() if f"error: E2-USAGE: {expected}" in line}
    assert "found 270" in line
    assert not list((own.root / "results/tiny/runs").glob("short/**/run.json"))

"""A bundle holds the records as they were, the same bytes every time, and nothing else."""

from __future__ import annotations

import json
import zipfile

import pytest

from lstmbench.bundle import pack, unpacked
from lstmbench.errors import DataError
from lstmbench.measurement import read_measurement, write_measurement
from lstmbench.record import read_record
from tests.unit.measurements import make_measurement
from tests.unit.records import make_record, save


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    save(folder, make_record(), make_record("mnist", seed=2))
    write_measurement(folder / "measurements/ptb/small/cpu/measurement.json", make_measurement({"pytorch": [5.0, 5.1]}))
    (folder / "report.html").write_text("not a record")
    (folder / "runs/ptb/small/pytorch/cpu/seed-1/tensorboard").mkdir()
    (folder / "runs/ptb/small/pytorch/cpu/seed-1/tensorboard/events").write_bytes(b"not a record")
    return folder


def rewrite(bundle, edit):
    with zipfile.ZipFile(bundle) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    edit(contents)
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def test_records_come_back_as_they_were(results, tmp_path):
    assert pack(results, tmp_path / "a.zip") == 4
    with unpacked(tmp_path / "a.zip") as folder:
        for path in sorted(results.rglob("run.json")):
            assert read_record(folder / path.relative_to(results)) == read_record(path)
        (path,) = folder.rglob("measurement.json")
        assert read_measurement(path).record["samples"]
        assert not list(folder.rglob("report.html"))
    assert not folder.exists()


def test_the_same_records_make_the_same_bytes(results, tmp_path):
    for name in ("a.zip", "b.zip"):
        pack(results, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_bad_record_is_not_packed(results, tmp_path):
    path = next(results.rglob("run.json"))
    path.write_text(path.read_text().replace('"resumed": 0', '"resumed": -1'))
    with pytest.raises(DataError, match=r"\$\.resumed"):
        pack(results, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_folder_without_records_makes_no_bundle(tmp_path):
    with pytest.raises(DataError, match="found none"):
        pack(tmp_path, tmp_path / "a.zip")


RUN = "runs/ptb/small/pytorch/cpu/seed-1/run.json"


def edited(contents):
    contents[RUN] = contents[RUN].replace(b"113.6", b"103.6")


def lost(contents):
    del contents[RUN]


def smuggled(contents):
    manifest = json.loads(contents["manifest.json"])
    manifest["sha256"]["../../evil"] = "0" * 64
    contents["manifest.json"], contents["../../evil"] = json.dumps(manifest).encode(), b"x"


def of_another_format(contents):
    contents["manifest.json"] = contents["manifest.json"].replace(b'"format": 1', b'"format": 2')


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (edited, r"seed-1/run\.json: expected sha256"),
        (lost, "not those its manifest lists"),
        (smuggled, "expected records only, found '../../evil'"),
        (of_another_format, "expected a bundle of format 1, found 2"),
        (lambda contents: contents.pop("manifest.json"), "expected a bundle"),
    ],
)
def test_a_bundle_that_was_changed_is_refused(results, tmp_path, edit, told):
    bundle = tmp_path / "a.zip"
    pack(results, bundle)
    rewrite(bundle, edit)
    with pytest.raises(DataError, match=told), unpacked(bundle):
        pytest.fail("it was unpacked")
    assert not (tmp_path / "evil").exists()


def test_what_is_no_zip_file_is_refused_by_name(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(DataError, match=r"a\.zip: expected a bundle"), unpacked(tmp_path / "a.zip"):
        pytest.fail("it was unpacked")

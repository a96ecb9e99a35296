"""A bundle holds the records as they were, the same bytes every time, and nothing else."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from lstmbench import implementations
from lstmbench.records.bundle import GPU_CHECK, MAX_SMALL_FILE_BYTES, pack, read_bundle, records, unpacked
from lstmbench.records.certificate import read_certificate
from lstmbench.records.measurement import read_measurement, write_measurement
from lstmbench.records.run import MODEL, read_record
from lstmbench.utils.errors import DataError, as_bench_error
from lstmbench.utils.paths import ROOT
from tests.factories.certificates import make_certificate, save_certificate
from tests.factories.measurements import make_measurement
from tests.factories.records import make_record, save
from tests.helpers.run_command import run_command


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    save(folder, make_record(), make_record("mnist", seed=2))
    write_measurement(folder / "measurements/ptb/small/cpu/measurement.json", make_measurement({"pytorch": [5.0, 5.1]}))
    (folder / "report.html").write_text("not a record")
    (folder / "runs/ptb/small/pytorch/cpu/seed-1" / MODEL).write_bytes(b"not a record")
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
        assert read_measurement(path).record.samples
        assert not [*folder.rglob("report.html"), *folder.rglob(MODEL)]
    assert not folder.exists()


def test_the_same_records_make_the_same_bytes(results, tmp_path):
    for name in ("a.zip", "b.zip"):
        pack(results, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("linked", ["runs", "runs/ptb", "runs/ptb/small/pytorch/cpu/seed-1", "parity/pytorch"])
def test_what_is_read_behind_a_link_is_packed_as_if_it_were_there(results, tmp_path, linked):
    save_certificate(results, make_certificate("pytorch", "cpu"))
    count = pack(results, tmp_path / "a.zip")
    (results / linked).rename(tmp_path / "elsewhere")
    (results / linked).symlink_to(tmp_path / "elsewhere")
    assert pack(results, tmp_path / "b.zip") == count
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_is_read_and_could_not_be_packed_is_refused_by_its_path(results, tmp_path):
    path = save_certificate(results, make_certificate("pytorch", "cpu"))
    path.parent.rename(path.parent.with_name("PyTorch copy"))
    with pytest.raises(DataError, match=r"parity/PyTorch copy/cpu\.csv"):
        pack(results, tmp_path / "a.zip")


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
    ("edit", "message"),
    [
        (edited, r"seed-1/run\.json: expected sha256"),
        (lost, "not those its manifest lists"),
        (smuggled, "expected records only, found '../../evil'"),
        (of_another_format, "expected a bundle of format 1, found 2"),
        (lambda contents: contents.pop("manifest.json"), "expected a bundle"),
    ],
)
def test_a_bundle_that_was_changed_is_refused(results, tmp_path, edit, message):
    bundle = tmp_path / "a.zip"
    pack(results, bundle)
    rewrite(bundle, edit)
    with pytest.raises(DataError, match=message), unpacked(bundle):
        pytest.fail("it was unpacked")
    assert not (tmp_path / "evil").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
@pytest.mark.parametrize("member", ["run.json", "blocks.parquet"])
def test_a_disk_too_full_to_unpack_a_bundle_is_told_as_such(results, tmp_path, monkeypatch, member):
    pack(results, tmp_path / "a.zip")
    original = Path.open

    def full(path, *arguments):
        return original(Path("/dev/full") if path.name == member else path, *arguments)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match=member) as caught, unpacked(tmp_path / "a.zip"):
        pytest.fail("it was unpacked")
    assert as_bench_error(caught.value).exit_code == 6


def test_what_is_no_zip_file_is_refused_by_name(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(DataError, match=r"a\.zip: expected a bundle"), unpacked(tmp_path / "a.zip"):
        pytest.fail("it was unpacked")


CERTIFICATE = "parity/pytorch/gpu-bfloat16.csv"


@pytest.fixture
def certified(results):
    """The same folder with two certificates, as the workflow writes them, and the summary of a GPU check."""
    save_certificate(results, make_certificate("pytorch", "gpu-bfloat16"))
    save_certificate(results, make_certificate("tensorflow", "gpu", failure="TensorFlow is not installed"))
    (results / GPU_CHECK).write_text('{"anything": [1, 2.5, null]}')
    return results


def contents(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_certificates_and_the_summary_of_a_gpu_check_travel_as_they_were(certified, tmp_path):
    assert pack(certified, tmp_path / "a.zip") == 4 + 2 + 1
    inside = contents(tmp_path / "a.zip")
    for name in (CERTIFICATE, "parity/tensorflow/gpu.csv", GPU_CHECK):
        assert inside[name] == (certified / name).read_bytes()
    assert not [name for name in inside if name.endswith("gpu-bfloat16.parquet")]
    found = read_bundle(tmp_path / "a.zip").certificates
    assert [(table["implementation"].iloc[0], table["device"].iloc[0]) for table in found] == [
        ("pytorch", "gpu-bfloat16"), ("tensorflow", "gpu")
    ]  # fmt: skip
    assert found[0]["tolerance"].isna().all()
    assert found[1]["failure"].item() == "TensorFlow is not installed"


def test_what_certify_writes_is_packed_a_nan_that_it_found_too(results, tmp_path, monkeypatch):
    original = implementations.load("reference")

    class Wrong(original.Learner):
        def load_weights(self, weights):
            super().load_weights({name: float("nan") * value for name, value in weights.items()})

    for name, learner in (("reference", original.Learner), ("wrong", Wrong)):
        made = {"Learner": learner, "configure": original.configure, "versions": original.versions}
        monkeypatch.setattr(implementations, "load", lambda _, made=made: type("Module", (), made))
        output = str(results / f"parity/{name}/cpu.csv")
        run_command("certify", ["--implementation", name, "--device", "cpu", "--threads", "1", "--output", output])
    pack(results, tmp_path / "a.zip")
    right, wrong = read_bundle(tmp_path / "a.zip").certificates
    assert (right["deviation"] <= right["tolerance"]).all()
    assert (wrong["deviation"] == float("inf")).any()


def test_a_kept_bundle_packed_again_has_the_same_members(tmp_path):
    # The other kept bundle is older than the crate.
    kept = ROOT / "results/baselines/amd-epyc-avx512-2-cores.zip"
    with unpacked(kept) as folder:
        pack(folder, tmp_path / "again.zip")
    before, after = contents(kept), contents(tmp_path / "again.zip")
    assert list(before) == list(after)
    assert before == after


def test_certificates_alone_make_no_bundle(tmp_path):
    save_certificate(tmp_path / "results", make_certificate())
    with pytest.raises(DataError, match="expected runs or measurements, found none"):
        pack(tmp_path / "results", tmp_path / "a.zip")


def case(column, value, row=1):
    """An edit of the file that puts another text into one case."""

    def edit(text):
        rows = list(csv.reader(text.splitlines()))
        rows[row][rows[0].index(column)] = value
        csv.writer(written := io.StringIO()).writerows(rows)
        return written.getvalue()

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: "", "not readable as a table"),
        (lambda text: text.splitlines()[0] + "\n", "expected a row per comparison, found none"),
        (lambda text: text.replace("deviation", "distance"), "expected the columns implementation, .* distance"),
        (lambda text: text.replace("\npytorch", ",1\npytorch"), "expected the columns"),
        (lambda text: text.replace("\npytorch", "\n1,pytorch"), "as many fields in each row"),
        (lambda text: text.replace("\npytorch", "\n1,pytorch", 1), "column tolerance: expected numbers"),
        (case("implementation", "tensorflow"), "line 2, implementation: expected pytorch, as in its path, found"),
        (case("device", "gpu", row=2), "line 3, device: expected gpu-bfloat16, as in its path, found 'gpu'"),
        (case("deviation", "much"), "column deviation: expected numbers"),
        (case("deviation", "-1e-6"), "line 2, deviation: expected 0 or more, found -1e-06"),
        (case("deviation", "nan"), "column deviation: expected numbers"),
        (case("deviation", ""), "line 2, deviation: expected a number, found none"),
        (case("tolerance", "inf", row=3), "line 4, tolerance: expected a finite number or none, found inf"),
        (case("tolerance", "-1"), "line 2, tolerance: expected 0 or more, found -1.0"),
        (case("failure", "no GPU"), "line 2, deviation: expected none beside a failure, found 1e-06"),
        (lambda text: text + "x" * MAX_SMALL_FILE_BYTES, "expected at most 1,048,576 bytes, found 1,049,"),
    ],
)  # fmt: skip
def test_a_damaged_certificate_is_refused_with_its_place_and_what_to_do(certified, tmp_path, edit, message):
    path = certified / CERTIFICATE
    path.write_text(edit(path.read_text()))
    with pytest.raises(DataError, match=rf"{CERTIFICATE}.*{message}(.|\n)*[Dd]elete it and run the workflow again"):
        pack(certified, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_certificate_that_is_no_text_is_refused(certified, tmp_path):
    (certified / CERTIFICATE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=f"{CERTIFICATE}: not readable as a table"):
        pack(certified, tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"speed": NaN}', "NaN is no number"),
        ("[" * 100_000, "not JSON: nested too deeply"),
        (f'"{"x" * MAX_SMALL_FILE_BYTES}"', "expected at most 1,048,576 bytes, found 1,048,578"),
    ],
)
def test_a_damaged_summary_of_a_gpu_check_is_refused(certified, tmp_path, text, message):
    (certified / GPU_CHECK).write_text(text)
    with pytest.raises(DataError, match=rf"gpu-check\.json.*{message}"):
        pack(certified, tmp_path / "a.zip")


def resealed(name, content):
    """An edit of a bundle that puts other bytes into one member, and their hash into the manifest."""

    def edit(inside):
        manifest = json.loads(inside["manifest.json"])
        manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
        inside["manifest.json"], inside[name] = json.dumps(manifest).encode(), content

    return edit


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (CERTIFICATE, b"x\n1\n", rf"a\.zip: {CERTIFICATE}: expected the columns"),
        (GPU_CHECK, b"{", r"a\.zip: gpu-check\.json: not JSON"),
    ],
)
def test_a_damaged_member_is_refused_by_the_name_of_its_bundle(certified, tmp_path, name, content, message):
    pack(certified, tmp_path / "a.zip")
    rewrite(tmp_path / "a.zip", resealed(name, content))
    with pytest.raises(DataError, match=message):
        read_bundle(tmp_path / "a.zip")


def of_manifest(text):
    return lambda inside: inside.update({"manifest.json": text})


def of_run(old, new):
    return lambda inside: resealed(RUN, inside[RUN].replace(old, new))(inside)


DEEP = b"[" * 100_000 + b"]" * 100_000
TWICE = b'"resumed": 0, "resumed": 0'


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (resealed(RUN, DEEP), f"{RUN}: not JSON: nested too deeply"),
        (resealed(RUN, DEEP[:4000] + DEEP[-4000:]), f"{RUN}"),
        (of_run(b'"resumed": 0', TWICE), f"{RUN}: not JSON: the key 'resumed' appears twice"),
        (of_run(b'"resumed": 0', b'"resumed": NaN'), f"{RUN}: not JSON: NaN is no number"),
        (of_run(b'"resumed": 0', b'"resumed": -1'), rf"{RUN} at \$\.resumed: expected"),
        (resealed(RUN, b"\xff"), f"{RUN}: not JSON: 'utf-8' codec"),
        (of_manifest(DEEP), "manifest.json: not JSON: nested too deeply"),
        (
            of_manifest(b'{"format": 1, "format": 1, "sha256": {}}'),
            "manifest.json: not JSON: the key 'format' appears twice",
        ),
        (of_manifest(b"[]"), r"manifest\.json: expected format and sha256, found \[\]"),
        (of_manifest(b'{"format": 1, "sha256": 1}'), "manifest.json: expected format and sha256"),
    ],
)
def test_any_bad_json_in_a_bundle_is_told_by_bundle_and_member_wherever_it_is_read(results, tmp_path, edit, message):
    pack(results, tmp_path / "a.zip")
    rewrite(tmp_path / "a.zip", edit)
    with pytest.raises(DataError, match=rf"^{tmp_path}/a\.zip: {message}") as caught:
        read_bundle(tmp_path / "a.zip")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=rf"^{tmp_path}/a\.zip: {message}"), unpacked(tmp_path / "a.zip") as folder:
        records(folder)


def test_a_bundle_whose_bytes_are_damaged_or_locked_is_refused_by_name(results, tmp_path):
    bundle = tmp_path / "a.zip"
    pack(results, bundle)
    whole = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        info = archive.getinfo("manifest.json")
        start = info.header_offset + 30 + len(info.filename)
    damaged = bytearray(whole)
    damaged[start : start + 4] = b"\xff" * 4  # no such kind of block: zlib.error
    locked = bytearray(whole)
    locked[whole.index(b"PK\x01\x02") + 8] |= 1  # says that it is encrypted: RuntimeError
    locked[info.header_offset + 6] |= 1
    for content in (damaged, locked):
        bundle.write_bytes(bytes(content))
        with pytest.raises(DataError, match=r"a\.zip: expected a bundle"), unpacked(bundle):
            pytest.fail("it was unpacked")


def test_an_edited_certificate_is_refused_by_its_hash(certified, tmp_path):
    pack(certified, tmp_path / "a.zip")
    rewrite(tmp_path / "a.zip", lambda inside: inside.update({CERTIFICATE: inside[CERTIFICATE] + b"\n"}))
    with pytest.raises(DataError, match=f"{CERTIFICATE}: expected sha256"), unpacked(tmp_path / "a.zip"):
        pytest.fail("it was unpacked")


@pytest.mark.parametrize(
    "name",
    [
        "parity/pytorch/gpu.parquet",
        "parity/pytorch/gpu.csv\n",
        "parity/pytorch/.csv",
        "parity/pytorch/../gpu.csv",
        "parity/../../evil.csv",
        "parity/gpu.csv",
        "parity/a/b/gpu.csv",
        "Parity/pytorch/gpu.csv",
        "gpu-check.json.json",
        "runs/gpu-check.json",
        "./gpu-check.json",
        "../gpu-check.json",
    ],
)
def test_a_name_that_only_resembles_a_member_is_refused(results, tmp_path, name):
    pack(results, tmp_path / "a.zip")
    rewrite(tmp_path / "a.zip", resealed(name, b"{}"))
    with pytest.raises(DataError, match="expected records only, found"), unpacked(tmp_path / "a.zip"):
        pytest.fail("it was unpacked")


def test_a_certificate_reads_back_as_certify_wrote_it(tmp_path):
    expected = make_certificate("pytorch", "gpu-tf32")
    found = read_certificate(save_certificate(tmp_path, expected))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)

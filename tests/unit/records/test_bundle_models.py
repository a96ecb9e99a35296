"""A bundle takes the models of runs along if it is asked to, each proven to be the one of its run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tracemalloc
import zipfile

import numpy as np
import pytest
from rocrate.rocrate import ROCrate

from lstmbench.records import bundle_models
from lstmbench.records.bundle import pack, read_bundle, records, unpacked
from lstmbench.records.run import MODEL
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_arrays, write_arrays
from lstmbench.utils.paths import ROOT
from tests.factories.records import make_failure, make_record, save
from tests.helpers.run_command import run_command

RUN = "runs/ptb/small/pytorch/cpu/seed-1/run.json"
OF_RUN = RUN.replace("run.json", MODEL)


def weights(seed, size=100):
    return {"output.bias": np.random.default_rng(seed).standard_normal(size).astype(np.float32)}


@pytest.fixture
def results(tmp_path):
    """Two runs with their models, and one without."""
    folder = tmp_path / "results"
    for seed in (1, 2):
        arrays = weights(seed)
        (path,) = save(folder, make_record(seed=seed, final_weights_sha256=hash_arrays(arrays)))
        write_arrays(path.with_name(MODEL), arrays)
    save(folder, make_record("mnist"))
    return folder


def contents(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_models_travel_as_they_were_beside_the_records(results, tmp_path):
    assert pack(results, tmp_path / "a.zip", models=True) == 3 + 2
    inside = contents(tmp_path / "a.zip")
    assert [name for name in inside if name.endswith(MODEL)] == [OF_RUN, OF_RUN.replace("seed-1", "seed-2")]
    assert inside[OF_RUN] == (results / OF_RUN).read_bytes()
    hashes = json.loads(inside["manifest.json"])["sha256"]
    assert hashes[OF_RUN] == hashlib.sha256(inside[OF_RUN]).hexdigest()


def test_a_bundle_with_models_is_read_as_one_without(results, tmp_path):
    pack(results, tmp_path / "with.zip", models=True)
    pack(results, tmp_path / "without.zip")
    assert read_bundle(tmp_path / "with.zip").runs == read_bundle(tmp_path / "without.zip").runs
    run_command("compare", [str(tmp_path / "with.zip"), str(tmp_path / "without.zip"), "--output-dir", str(tmp_path)])
    with unpacked(tmp_path / "with.zip") as folder:
        assert len(records(folder).runs) == 3


def test_without_being_asked_for_models_a_bundle_has_the_bytes_it_would_have_without_them(results, tmp_path):
    pack(results, tmp_path / "a.zip")
    for path in results.rglob(MODEL):
        path.unlink()
    pack(results, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_same_models_make_the_same_bytes(results, tmp_path):
    pack(results, tmp_path / "a.zip", models=True)
    for path in results.rglob(MODEL):
        os.utime(path, (0, 10**9))
    pack(results, tmp_path / "b.zip", models=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_crate_describes_a_model_as_a_result_of_its_run(results, tmp_path):
    pack(results, tmp_path / "a.zip", models=True)
    crate = ROCrate(tmp_path / "a.zip")
    assert int(crate.get(OF_RUN)["contentSize"]) == (results / OF_RUN).stat().st_size
    assert crate.get(OF_RUN)["encodingFormat"] == "application/octet-stream"
    assert {made.id for made in crate.get(f"#{RUN}")["result"]} == {RUN, OF_RUN}


def of_another_run(results):
    shutil.copy(results / OF_RUN.replace("seed-1", "seed-2"), results / OF_RUN)


def damaged(results):
    content = bytearray((results / OF_RUN).read_bytes())
    content[-1] ^= 1
    (results / OF_RUN).write_bytes(bytes(content))


def cut(results):
    (results / OF_RUN).write_bytes((results / OF_RUN).read_bytes()[:-1])


def of_no_run(results):
    (results / RUN).unlink()


def of_a_failed_run(results):
    save(results, make_failure())


REFUSED = [
    (of_another_run, "expected the weights that its run ended with"),
    (damaged, "expected the weights that its run ended with"),
    (cut, "expected a safetensors file"),
    (of_no_run, r"expected the run\.json of a complete run beside it, found none"),
    (of_a_failed_run, r"expected the run\.json of a complete run beside it, found that of a failed one"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_a_model_that_is_not_its_runs_is_not_packed(results, tmp_path, change, message):
    change(results)
    with pytest.raises(DataError, match=rf"{OF_RUN}: {message}") as caught:
        pack(results, tmp_path / "a.zip", models=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.zip").exists()
    pack(results, tmp_path / "a.zip")


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_a_model_in_a_bundle_that_is_not_its_runs_is_refused_by_bundle_and_member(
    results, tmp_path, monkeypatch, change, message
):
    change(results)
    # As a program would write it that checks nothing, with the right hashes in its manifest.
    with monkeypatch.context() as careless:
        careless.setattr("lstmbench.records.bundle.check_model", lambda *_: None)
        pack(results, tmp_path / "a.zip", models=True)
    with pytest.raises(DataError, match=rf"^{tmp_path}/a\.zip: {OF_RUN}: {message}") as caught:
        read_bundle(tmp_path / "a.zip")
    assert "\n" not in str(caught.value)


def test_a_model_that_does_not_have_the_hash_of_the_manifest_is_refused(results, tmp_path):
    pack(results, tmp_path / "a.zip", models=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, zipfile.ZipFile(tmp_path / "b.zip", "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            other.writestr(name, content.replace(content[-4:], b"abcd") if name == OF_RUN else content)
    with pytest.raises(DataError, match=rf"{OF_RUN}: expected sha256"):
        read_bundle(tmp_path / "b.zip")


def test_a_failed_run_s_leftover_model_is_named_with_what_to_do(results, tmp_path):
    of_a_failed_run(results)
    with pytest.raises(DataError, match="delete it, or make the bundle without models"):
        pack(results, tmp_path / "a.zip", models=True)


def test_whoever_kept_no_model_is_told_how_to_get_one(results, tmp_path):
    for path in results.rglob(MODEL):
        path.unlink()
    with pytest.raises(DataError, match="expected kept models, found none: train with keep_models: true"):
        pack(results, tmp_path / "a.zip", models=True)


def test_the_limit_of_records_is_not_that_of_models(results, tmp_path, monkeypatch):
    limit = (results / RUN).stat().st_size * 10
    monkeypatch.setattr("lstmbench.records.bundle.MAX_FILE_BYTES", limit)
    monkeypatch.setattr("lstmbench.records.bundle.MAX_BUNDLE_BYTES", 5 * limit)
    arrays = weights(3, size=2 * limit)
    save(results, make_record(final_weights_sha256=hash_arrays(arrays)))
    write_arrays(results / OF_RUN, arrays)
    pack(results, tmp_path / "a.zip", models=True)
    assert len(read_bundle(tmp_path / "a.zip").runs) == 3


@pytest.mark.parametrize("limit", ["MAX_MODEL_BYTES", "MAX_MODELS_BYTES"])
def test_models_beyond_their_own_limit_are_neither_packed_nor_read(results, tmp_path, monkeypatch, limit):
    pack(results, tmp_path / "a.zip", models=True)
    size = (results / OF_RUN).stat().st_size
    monkeypatch.setattr(bundle_models, limit, size - 1 if limit == "MAX_MODEL_BYTES" else 2 * size - 1)
    with pytest.raises(DataError, match=r"a\.zip: expected models of at most .* bytes"):
        read_bundle(tmp_path / "a.zip")
    with pytest.raises(DataError, match=r"b\.zip: expected models of at most .* bytes"):
        pack(results, tmp_path / "b.zip", models=True)


def test_a_model_of_more_bytes_than_an_old_zip_file_may_hold_is_packed(results, tmp_path, monkeypatch):
    with monkeypatch.context() as small:
        small.setattr(zipfile, "ZIP64_LIMIT", 100)
        pack(results, tmp_path / "a.zip", models=True)
    assert contents(tmp_path / "a.zip")[OF_RUN] == (results / OF_RUN).read_bytes()


def test_no_model_is_held_in_memory_as_a_whole(tmp_path):
    results = tmp_path / "results"
    arrays = {f"lstm.{layer}.bias": np.full(1 << 18, layer, np.float32) for layer in range(24)}
    (path,) = save(results, make_record(final_weights_sha256=hash_arrays(arrays)))
    write_arrays(path.with_name(MODEL), arrays)
    del arrays
    assert path.with_name(MODEL).stat().st_size > 24 << 20
    tracemalloc.start()
    pack(results, tmp_path / "a.zip", models=True)
    read_bundle(tmp_path / "a.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20


def test_one_model_at_a_time_is_on_the_disk(results, tmp_path, monkeypatch):
    pack(results, tmp_path / "a.zip", models=True)
    seen = []
    check = bundle_models.check_model
    monkeypatch.setattr(
        "lstmbench.records.bundle.check_model",
        lambda path, record: (seen.append(len([*path.parents[6].rglob(MODEL)])), check(path, record)),
    )
    with unpacked(tmp_path / "a.zip") as folder:
        assert not [*folder.rglob(MODEL)]
    assert seen == [1, 1]


def test_make_bundle_asks_for_models_only_if_it_is_told_to():
    def asked(*words):
        return subprocess.run(["make", "-n", "bundle", *words], cwd=ROOT, capture_output=True, text=True).stdout

    assert "--models" in asked("MODELS=1")
    assert "--models" not in asked("MODELS=0")
    assert "--models" not in asked()


def test_the_command_packs_models(results, tmp_path):
    run_command("bundle", ["--results", str(results), "--output", str(tmp_path / "a.zip"), "--models"])
    assert OF_RUN in contents(tmp_path / "a.zip")

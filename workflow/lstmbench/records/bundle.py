"""Bundle the records of a machine into one file, to keep, send and compare them.

A zip file of ``runs/.../run.json`` and ``measurements/.../{measurement.json,blocks.parquet}``, with the same paths as
below a results folder, a description for archives (``ro_crate``), and a ``manifest.json`` with the sha256 of each file.
The same records make the same bytes.  Certificates of parity (``parity/.../{device}.csv``) and the summary of a GPU
check (``GPU_CHECK``) are members too, if the folder has them, and the models of runs if they are asked for
(``bundle_models``).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from lstmbench import __version__
from lstmbench.records import bundle_models, paths
from lstmbench.records.bundle_models import check_model, extract_piecewise, is_model, record_of, write_piecewise
from lstmbench.records.certificate import read_certificate
from lstmbench.records.measurement import Measurement, read_measurement
from lstmbench.records.ro_crate import CRATE, Record, describe
from lstmbench.records.run import read_record
from lstmbench.records.run_record import FailedRun, RunRecord
from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import short
from lstmbench.utils.files import atomic, hash_file
from lstmbench.utils.strict_json import RERUN_HINT, parse_json, read_json

GPU_CHECK = "gpu-check.json"
"""The summary of a GPU check in a results folder: any JSON; only its size and form are checked here."""

MANIFEST = "manifest.json"
FORMAT = 1

MAX_FILE_BYTES = 64 << 20
MAX_BUNDLE_BYTES = 1 << 30
"""Bytes of one file and of all, unpacked, without models.  5,000 records take 60 MB."""

MAX_SMALL_FILE_BYTES = 1 << 20
"""Bytes of a certificate or of the summary of a GPU check; a certificate takes 2 KB."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold; the time of packing is not recorded."""

_MEMBERS = (paths.RUN, paths.MEASUREMENT, paths.BLOCKS, paths.CERTIFICATE, GPU_CHECK)

_WITH_RECORD = (RunRecord, FailedRun, Measurement)


@dataclass(frozen=True)
class Records:
    """The records of one machine.

    runs: of ``read_record``, complete ones; measurements: of speed; certificates: tables of ``read_certificate``;
    failures: of ``read_record``, runs that failed.
    """

    runs: list[RunRecord]
    measurements: list[Measurement]
    certificates: list[pd.DataFrame] = field(default_factory=list)
    failures: list[FailedRun] = field(default_factory=list)


def records(results: Path, wanted: Set[str] | None = None) -> Records:
    """Read and check every record and certificate below a results folder, or those at the ``wanted`` paths in it.

    The summary of a GPU check is checked too.

    Raises:
        DataError: a bad record, certificate or summary.
    """
    found = list(_read_members(results, wanted).values())
    return Records(
        [one for one in found if isinstance(one, RunRecord)],
        [one for one in found if isinstance(one, Measurement)],
        [one for one in found if isinstance(one, pd.DataFrame)],
        [one for one in found if isinstance(one, FailedRun)],
    )


def _read_members(results: Path, wanted: Set[str] | None = None) -> dict[str, Any]:
    """Read and check the members below a results folder, each once, and return what they hold by their names."""
    return {
        name: read(path)
        for member, read in _READERS.items()
        for name, path in _files(results, member).items()
        if wanted is None or name in wanted
    }


def _files(results: Path, *patterns: str) -> dict[str, Path]:
    """Return the files below a results folder at these paths with wildcards, by their names, also in linked folders."""
    found = (path for pattern in patterns for path in results.glob(paths.glob(pattern)))
    return {path.relative_to(results).as_posix(): path for path in sorted(found)}


def _read_small_certificate(path: Path) -> pd.DataFrame:
    _check_size(path)
    return read_certificate(path)


def _read_summary(path: Path) -> Any:
    _check_size(path)
    return read_json(path)


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > MAX_SMALL_FILE_BYTES:
        raise DataError(f"{path}: expected at most {MAX_SMALL_FILE_BYTES:,} bytes, found {size:,}. {RERUN_HINT}")


def read_bundle(bundle: Path) -> Records:
    """Return the checked records of a bundle.

    Raises:
        DataError: not a bundle, damaged, or with a bad record, certificate or summary.
    """
    with unpacked(bundle) as folder:
        return records(folder)


def pack(results: Path, output: Path, models: bool = False) -> int:
    """Check every record below ``results``, write the bundle, and return the number of files in it.

    Args:
        results: a folder of results.
        output: the bundle.
        models: take along every model that a run kept.

    Raises:
        DataError: a bad record, certificate or summary, no record, a model that is not its run's, no model although
            they are asked for, or more than a bundle may hold.
    """
    found = _read_members(results)
    contents = {name: path.read_bytes() for name, path in sorted(_files(results, *_MEMBERS).items())}
    for name in contents:
        if not _is_member(name):
            raise DataError(f"{results / name}: expected a path like {', '.join(_MEMBERS)}; rename or remove it")
    made = {name: _record_of(found[name]) for name in contents if isinstance(found.get(name), _WITH_RECORD)}
    if not made:
        raise DataError(f"{results}: expected runs or measurements, found none: run the workflow first")
    kept = dict(sorted(_files(results, bundle_models.MODELS).items())) if models else {}
    if models and not kept:
        raise DataError(f"{results}: expected kept models, found none: train with keep_models: true")
    for name, path in kept.items():
        check_model(path, found.get(record_of(name)))
    sizes = {name: len(content) for name, content in contents.items()}
    sizes |= {name: path.stat().st_size for name, path in kept.items()}
    described = {CRATE: describe(made, sizes), **contents}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in described.items()}
    hashes |= {name: hash_file(path) for name, path in kept.items()}
    manifest = {"format": FORMAT, "lstm-bench": __version__, "sha256": hashes}
    described = {MANIFEST: json.dumps(manifest, indent=1).encode(), **described}
    _check_sizes(output, sizes | {name: len(content) for name, content in described.items()})
    with atomic(output) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in described.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
        for name, path in kept.items():
            write_piecewise(archive, zipfile.ZipInfo(name, _EPOCH), path)
    return len(sizes)


def _record_of(member: RunRecord | FailedRun | Measurement) -> Record:
    return member.record if isinstance(member, Measurement) else member


def _is_member(name: str) -> bool:
    return any(paths.regex(member).fullmatch(name) for member in _MEMBERS)


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """Yield a folder with the bundle's files, with the same paths as below the results folder, within the block.

    Its models are checked, one after the other, and are not in the folder.  A DataError in the block names the bundle
    and its member, because the folder no longer exists when the message is read.

    Raises:
        DataError: not a bundle, damaged, with a file that does not belong there, or with a model that is not its run's.
        OSError: it cannot be read, or not be unpacked; with a path.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            try:
                with zipfile.ZipFile(bundle) as archive:
                    _unpack(bundle, archive, folder)
            except (OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
                # What names another file than a bundle that is missing is of the file system, such as a full disk.
                if getattr(error, "filename", None) is not None and not isinstance(error, FileNotFoundError):
                    raise
                raise DataError(f"{bundle}: expected a bundle (make bundle): {error}") from error
            yield folder
        except DataError as error:
            if f"{folder}/" not in str(error):
                raise
            raise DataError(f"{bundle}: {str(error).replace(f'{folder}/', '')}") from error


def _unpack(bundle: Path, archive: zipfile.ZipFile, folder: Path) -> None:
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    _check_sizes(bundle, sizes)
    manifest = parse_json(archive.read(MANIFEST), f"{bundle}: {MANIFEST}")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("sha256"), dict):
        raise DataError(f"{bundle}: {MANIFEST}: expected format and sha256, found {short(manifest)}")
    if manifest.get("format") != FORMAT:
        raise DataError(f"{bundle}: expected a bundle of format {FORMAT}, found {short(manifest.get('format'))}")
    expected = manifest["sha256"]
    if {*expected, MANIFEST} != set(sizes) or len(sizes) != len(archive.infolist()):
        raise DataError(f"{bundle}: its files are not those its manifest lists")
    # Models last, because each is checked against a record.
    for name in sorted(expected, key=lambda name: (is_model(name), name)):
        if not (name == CRATE or _is_member(name) or is_model(name)):
            raise DataError(f"{bundle}: expected records only, found {name!r}")
        path = folder / name
        found = extract_piecewise(archive, name, path)
        if found != expected[name]:
            raise DataError(f"{bundle}: {name}: expected sha256 {expected[name]}, found {found}")
        if is_model(name):
            check_model(path, read_record(folder / record_of(name)) if record_of(name) in expected else None)
            path.unlink()


def _check_sizes(bundle: Path, sizes: Mapping[str, int]) -> None:
    """Raise an error if the files of a bundle, unpacked, are larger than may be."""
    models = [size for name, size in sizes.items() if is_model(name)]
    others = [size for name, size in sizes.items() if not is_model(name)]
    _check_limits(bundle, "files", others, (MAX_FILE_BYTES, MAX_BUNDLE_BYTES))
    _check_limits(bundle, "models", models, (bundle_models.MAX_MODEL_BYTES, bundle_models.MAX_MODELS_BYTES))


def _check_limits(bundle: Path, what: str, sizes: Collection[int], limits: tuple[int, int]) -> None:
    each, together = limits
    largest, total = max(sizes, default=0), sum(sizes)
    if largest > each or total > together:
        raise DataError(
            f"{bundle}: expected {what} of at most {each:,} bytes, and {together:,} bytes of them unpacked; "
            f"found {largest:,} and {total:,}"
        )


_READERS: dict[str, Callable[[Path], Any]] = {
    paths.RUN: read_record,
    paths.MEASUREMENT: read_measurement,
    paths.CERTIFICATE: _read_small_certificate,
    GPU_CHECK: _read_summary,
}
"""What reads and checks each kind of member; the blocks are read with their measurement."""

"""Describe a bundle for archives and their programs, as an RO-Crate (ro-crate-metadata.json).

Each record is the result of an action, with one commit of lstm-bench, on one data set and one file of initial weights:
a Process Run Crate.  Whoever publishes the bundle chooses the licence.
Formats: https://www.researchobject.org/ro-crate/specification/1.2, https://w3id.org/ro/wfrun/process/0.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from lstmbench.records.measurement_record import Group, MeasurementRecord
from lstmbench.records.run_record import FailedRun, RunName, RunRecord

Record = RunRecord | FailedRun | MeasurementRecord

CRATE = "ro-crate-metadata.json"

_SPECIFICATION = "1.2"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_FAILED = "http://schema.org/FailedActionStatus"
_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".safetensors": "application/octet-stream",  # no type of its own is registered
}


def describe(records: Mapping[str, Record], sizes: Mapping[str, int]) -> bytes:
    """Return the content of ``CRATE``; the same for the same records.

    Args:
        records: each run.json and measurement.json, by its name in the bundle.
        sizes: bytes of every file of the bundle.  A file that is no record belongs to the record beside it, if any; a
            certificate of parity and the summary of a GPU check belong to none.
    """
    crate = ROCrate(version=_SPECIFICATION)
    results: dict[PurePosixPath, list[Any]] = {}
    for name, size in sizes.items():
        path = PurePosixPath(name)
        properties = {"name": name, "encodingFormat": _FORMATS[path.suffix], "contentSize": str(size)}
        results.setdefault(path.parent, []).append(crate.add_file(dest_path=name, properties=properties))
    root = crate.root_dataset
    root["name"] = "Records of lstm-bench"
    root["description"] = "Trainings of LSTMs in several frameworks, and measurements of their speed, a record each."
    root["datePublished"] = max(_ended(record) for record in records.values())
    root["conformsTo"] = _entity(crate, _PROFILE, ["CreativeWork", "Profile"], name="Process Run Crate", version="0.5")
    root["mentions"] = [
        _action(crate, name, record, results[PurePosixPath(name).parent]) for name, record in records.items()
    ]
    return json.dumps(crate.metadata.generate(), indent=1, sort_keys=True).encode()


def _action(crate: ROCrate, name: str, record: Record, results: list[Any]) -> ContextEntity:
    """Add the action that made a record."""
    verb = "Measuring the speed of" if isinstance(record, MeasurementRecord) else "Training"
    title = " ".join(map(str, [verb, *msgspec.structs.astuple(_name(record))]))
    properties = {"name": title, "result": results, "endTime": _ended(record)}
    if isinstance(record, FailedRun):
        properties |= {"instrument": _program(crate, None), "error": record.failure.message, "actionStatus": _FAILED}
    else:
        commit = record.commit and record.commit + " and changes" * record.commit_dirty
        inputs = [_entity(crate, f"#{sha256}", "CreativeWork", name=what) for what, sha256 in _inputs(record)]
        properties |= {"instrument": _program(crate, commit), "object": inputs, "startTime": record.started}
    return _entity(crate, f"#{name}", "CreateAction", **properties)


def _name(record: Record) -> RunName | Group:
    return record.group if isinstance(record, MeasurementRecord) else record.run


def _ended(record: Record) -> str:
    return record.failed if isinstance(record, FailedRun) else record.finished


def _inputs(record: RunRecord | MeasurementRecord) -> list[tuple[str, str]]:
    """Return the inputs of a record by their hashes: [what, sha256]."""
    if isinstance(record, MeasurementRecord):
        data = {sample.data_sha256 for sample in record.samples}
        weights = {sample.initial_weights_sha256 for sample in record.samples}
    else:
        data, weights = {record.data.sha256}, {record.initial_weights_sha256}
    name = _name(record)
    return [
        *((f"{name.dataset}, prepared: {sha256}", sha256) for sha256 in sorted(data)),
        *((f"Initial weights of {name.dataset} {name.size}: {sha256}", sha256) for sha256 in sorted(weights)),
    ]


def _program(crate: ROCrate, commit: str | None) -> ContextEntity:
    version = {"version": commit} if commit else {}
    return _entity(
        crate,
        f"#lstm-bench-{commit or 'unknown'}".replace(" ", "-"),
        "SoftwareApplication",
        name="lstm-bench",
        **version,
    )


def _entity(crate: ROCrate, identifier: str, kind: str | list[str], **properties: Any) -> ContextEntity:
    """Add an entity that is not a file of the bundle; the same identifier is the same entity."""
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))

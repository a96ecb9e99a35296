"""Write the schemas of all types that are files: ``python -m tests.repository.schemas`` (``make schemas``)."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from lstmbench.models.presets import Preset
from lstmbench.orchestration.selection import Selection
from lstmbench.records.measurement_record import MeasurementRecord
from lstmbench.records.run_record import FailedRun, RunRecord
from lstmbench.reporting.export import Export
from lstmbench.utils.paths import WORKFLOW

FOLDER = WORKFLOW / "schemas"
TYPES = {
    "config": Selection,
    "export": Export,
    "failure": FailedRun,
    "measurement": MeasurementRecord,
    "preset": Preset,
    "run": RunRecord,
}


def schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a type, with those of its parts under ``$defs``."""
    schema = msgspec.json.schema(kind)
    whole = schema["$defs"].pop(kind.__name__)
    rest = {"$defs": schema["$defs"]} if schema["$defs"] else {}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, **rest}


def text_of(kind: type) -> str:
    """Return the content of a type's file."""
    return json.dumps(schema_of(kind), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, kind in TYPES.items():
        (FOLDER / f"{name}.schema.json").write_text(text_of(kind), encoding="utf-8")

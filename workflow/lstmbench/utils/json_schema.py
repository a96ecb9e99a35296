"""Read JSON files strictly and check them by their schema in ``workflow/schemas``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
from jsonschema.exceptions import best_match

from lstmbench.utils.errors import DataError
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.strict_json import parse_json

SCHEMAS = WORKFLOW / "schemas"


def read_json(path: Path) -> Any:
    """Read strict JSON (``parse_json``).

    Raises:
        DataError: missing, or not JSON.
    """
    try:
        return parse_json(path.read_bytes(), path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. Run the workflow again to make it.") from error
    except DataError as error:
        raise DataError(f"{error}. Delete it and run the workflow again.") from error


def check(path: Path, value: Any, schema: str) -> None:
    """Check ``value``, the content of ``path``, by ``workflow/schemas/{schema}``.

    Raises:
        DataError: of another version, or not of the schema; names the place, what was expected and what was found.
    """
    found = value.get("schema_version") if isinstance(value, dict) else None
    known = _schema(schema)["properties"]["schema_version"]["enum"]
    if isinstance(found, int) and found not in known:
        raise DataError(
            f"{path} at $.schema_version: expected {' or '.join(map(str, known))}, found {found}. "
            "It was written by another version of lstm-bench: use that one, or delete the file and run again."
        )
    if _is_valid(schema, value):
        return
    try:
        error = best_match(_validator(schema).iter_errors(value))
        explained = error and f"{path} at {error.json_path}: {_explain(error)}"
    except RecursionError:
        explained = f"{path}: nested too deeply for {schema}"
    if explained is not None:
        raise DataError(explained)


def fault_of_part(value: Any, schema: str, keys: tuple[str, ...]) -> str | None:
    """Return what is wrong with ``value`` as the value at ``keys`` of the schema; None: nothing."""
    error = best_match(_part_validator(schema, keys).iter_errors(value))
    return None if error is None else f"{error.json_path.removeprefix('$.')}: {_explain(error)}"


def short(value: Any) -> str:
    """Return a value in short form for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_valid(schema: str, value: Any) -> bool:
    """Return whether ``value`` fits the schema; False also where only ``_validator`` can decide.

    This is some hundred times as fast as ``_validator``, but refuses the subclasses of str and float that libraries
    return.
    """
    try:
        return _fast_validator(schema).is_valid(value)
    except ValueError:
        return False


@cache
def _fast_validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_schema(schema))


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_schema(schema))


@cache
def _part_validator(schema: str, keys: tuple[str, ...]) -> jsonschema.Draft202012Validator:
    part = whole = _schema(schema)
    for key in keys:
        part = part["properties"][key]
    return jsonschema.Draft202012Validator({"$defs": whole["$defs"], **part})


@cache
def _schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


def _explain(error: jsonschema.ValidationError) -> str:
    found = short(error.instance)
    if error.validator == "not":
        return f"expected no such key for this task, found {found}"
    if error.validator in ("required", "additionalProperties", "propertyNames"):
        return error.message
    return f"expected {error.validator} {short(error.validator_value)}, found {found}"

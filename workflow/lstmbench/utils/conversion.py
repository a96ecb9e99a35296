"""Convert plain values, as JSON and YAML hold them, to types and back; refuse what does not fit in one line."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import short

T = TypeVar("T")

_MESSAGE = re.compile(r"(?P<fault>.*?)(?: - at (?:`key` in )?`(?P<place>\$[\w.\[\]]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]|\[\.\.\.\]")


def converted(value: Any, kind: type[T], where: object) -> T:
    """Return ``value``, of dicts, lists, texts and numbers, as a ``kind``; ``where`` begins the message.

    Raises:
        DataError: it does not fit; names the place, what was expected and what was found.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise DataError(f"{where} at {_explained(str(error), value, kind)}") from error


def plain(value: Any) -> Any:
    """Return ``value`` in dicts, lists, texts and numbers.

    Raises:
        TypeError: a part has no such form.
    """
    return msgspec.to_builtins(value, enc_hook=_of_library)


def _of_library(value: Any) -> Any:
    """Return a text or number of a library's own class, such as a version of PyTorch, as Python's."""
    for kind in (str, float):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"expected a value that JSON can hold, found {type(value).__name__} {short(value)}")


def _explained(message: str, value: Any, kind: type) -> str:
    """Return place, expectation and finding for a message like "Expected `int` >= 1 - at `$.a[0]`"."""
    match = _MESSAGE.fullmatch(message)
    assert match  # it matches any text
    place, fault = match["place"] or "$", match["fault"]
    # First, because a key that is not known may contain anything, even what looks like a place.
    for beginning, expectation in (
        ("Object missing required field `", "the key {}, found none"),
        ("Object contains unknown field `", "no key {}"),
    ):
        if fault.startswith(beginning):
            name = fault.removeprefix(beginning).removesuffix("`")
            return f"{place}: expected {expectation.format(short(name))}"
    found, type_there = _at(place, value, inspect.type_info(kind))
    if fault.startswith("Invalid enum value"):
        return f"{place}: expected {_choices(type_there)}, found {short(found)}"
    expected = fault.partition(", got ")[0].replace("`", "")
    return f"{place}: {expected[0].lower()}{expected[1:]}, found {short(found)}"


def _at(place: str, value: Any, kind: Any) -> tuple[Any, Any]:
    """Return the value and its type at a place; where the place names no key of a mapping, the whole mapping."""
    for step in _STEP.finditer(place):
        kind = _without_none(kind)
        if step["key"]:
            value = value.get(step["key"])
            kind = next(field.type for field in kind.fields if field.encode_name == step["key"])
        elif step["index"]:
            value = value[int(step["index"])]
            kind = kind.item_types[int(step["index"])] if isinstance(kind, inspect.TupleType) else kind.item_type
        else:
            break
    return value, _without_none(kind)


def _without_none(kind: Any) -> Any:
    """Return the type that is described or may be null, without either."""
    while isinstance(kind, (inspect.Metadata, inspect.UnionType)):
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind.types[0]
    return kind


def _choices(kind: Any) -> str:
    return " or ".join(map(repr, kind.values)) if isinstance(kind, inspect.LiteralType) else "another value"

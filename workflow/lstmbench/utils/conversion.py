"""Convert plain values, as JSON and YAML hold them, to types and back; refuse what does not fit in one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import printable, short

T = TypeVar("T")

_MESSAGE = re.compile(r"(?P<fault>.*?)(?: - at (?:`key` in )?`(?P<place>\$[\w.\[\]]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]|\[\.\.\.\]")

_WORDS = {"object": "mapping", "array": "list", "int": "integer", "float": "number", "str": "text", "bool": "boolean"}
"""What messages call a kind of value; ``msgspec`` mixes the words of JSON and Python."""

Step = str | int
"""A key of a mapping, or a place in a list."""


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
    steps = _steps(message, place, value, kind)
    found = _value_at(value, steps)
    place = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    if fault.startswith("Invalid enum value"):
        expected = " or ".join(map(repr, _choices(inspect.type_info(kind), steps))) or "another value"
        return f"{printable(place)}: expected {expected}, found {short(found)}"
    expected = re.sub(r"`([^`]+)`", _in_words, fault.partition(", got ")[0].replace(r"(?!\\n)$", "$"))
    return f"{printable(place)}: {expected[0].lower()}{expected[1:]}, found {short(found)}"


def _in_words(match: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(word, word) for word in match[1].split(" | "))


def _steps(message: str, place: str, value: Any, kind: type) -> list[Step]:
    """Return the steps to a place; where ``msgspec`` writes ``[...]`` for any key of a mapping, that with the fault."""
    steps: list[Step] = []
    for match in _STEP.finditer(place):
        if match["key"] is not None:
            steps.append(match["key"])
        elif match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            mapping = _value_at(value, steps)
            keys = (key for key in mapping if _fault(_replaced(value, steps, {key: mapping[key]}), kind) == message)
            if (key := next(keys, None)) is None:
                break
            steps.append(key)
    return steps


def _fault(value: Any, kind: type) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _value_at(value: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        value = value[step]
    return value


def _replaced(value: Any, steps: Sequence[Step], part: Any) -> Any:
    """Return a copy of ``value`` with another ``part`` at a place."""
    if not steps:
        return part
    inner = _replaced(value[steps[0]], steps[1:], part)
    if isinstance(value, dict):
        return {**value, steps[0]: inner}
    return [inner if place == steps[0] else one for place, one in enumerate(value)]


def _choices(kind: Any, steps: Sequence[Step]) -> tuple[Any, ...]:
    """Return the values that a type allows at a place; empty: it does not list them."""
    if isinstance(kind, inspect.Metadata):
        return _choices(kind.type, steps)
    if isinstance(kind, inspect.UnionType):
        return next((found for one in kind.types if (found := _choices(one, steps))), ())
    if not steps:
        if isinstance(kind, inspect.DictType):  # a key is at fault
            return _choices(kind.key_type, ())
        return kind.values if isinstance(kind, inspect.LiteralType) else ()
    step, *rest = steps
    if isinstance(kind, inspect.StructType):
        return next((_choices(field.type, rest) for field in kind.fields if field.encode_name == step), ())
    if isinstance(kind, inspect.DictType):
        return _choices(kind.value_type, rest)
    return _choices(kind.item_type, rest) if isinstance(kind, inspect.ListType) else ()

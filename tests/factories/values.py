"""Draw values of any type that a record is made of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from lstmbench.utils.conversion import converted


def values_of(kind: type) -> st.SearchStrategy[Any]:
    """Any value of a type."""
    return _plain_values(inspect.type_info(kind)).map(lambda value: converted(value, kind, "drawn"))


def _plain_values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, of dicts, lists, texts and numbers."""
    match kind:
        case inspect.Metadata():
            return _plain_values(kind.type)
        case inspect.UnionType():
            return st.one_of(*map(_plain_values, kind.types))
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.FloatType():
            above, below = kind.gt is not None, kind.lt is not None
            limits = kind.gt if above else kind.ge, kind.lt if below else kind.le
            return st.floats(*limits, exclude_min=above, exclude_max=below, allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            drawn = st.from_regex(kind.pattern, fullmatch=True) if kind.pattern else st.text()
            least, most = kind.min_length or 0, kind.max_length
            return drawn.filter(lambda text: least <= len(text) and (most is None or len(text) <= most))
        case inspect.ListType():
            most = 2 if kind.max_length is None else min(2, kind.max_length)
            return st.lists(_plain_values(kind.item_type), min_size=kind.min_length or 0, max_size=most)
        case inspect.TupleType():
            return st.tuples(*map(_plain_values, kind.item_types))
        case inspect.DictType():
            return st.dictionaries(
                _plain_values(kind.key_type),
                _plain_values(kind.value_type),
                min_size=kind.min_length or 0,
                max_size=2,
            )
        case inspect.StructType():
            of_fields = {field.encode_name: _plain_values(field.type) for field in kind.fields}
            left_out = {field.encode_name for field in kind.fields if not field.required}
            return st.fixed_dictionaries(
                {name: drawn for name, drawn in of_fields.items() if name not in left_out},
                optional={name: of_fields[name] for name in left_out},
            )
    raise TypeError(f"no values of {kind}")

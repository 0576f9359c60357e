"""The JSON types of the contract, shared by all of its validators.

TOML distinguishes integers from floats, and JSON has no dates, `inf` or `nan`: JSON cannot
represent a value of a type that is not listed here.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

import orjson

EXACT: Final = 2**53 - 1
"""The largest integer that a reader which stores numbers as doubles holds exactly."""


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer that every JSON reader holds exactly."""
    return isinstance(value, int) and not isinstance(value, bool) and -EXACT <= value <= EXACT


def fits_64_bits(value: int) -> bool:
    """Whether `value` is a signed 64-bit integer, the most that TOML promises."""
    return -(2**63) <= value < 2**63


def is_number(value: Any) -> bool:
    """Whether `value` is such an integer or a finite float."""
    return is_integer(value) or (isinstance(value, float) and isfinite(value))


def _is_instance(type_: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, type_)


TYPES: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "array": _is_instance(list),
        "boolean": _is_instance(bool),
        "integer": is_integer,
        "null": lambda value: value is None,
        "number": is_number,
        "object": _is_instance(dict),
        "string": _is_instance(str),
    }
)


def json_text(value: Any) -> str:
    """Return the JSON text of a scalar, a string without its quotes: how tables of values name it."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:  # an integer beyond 64 bits, which no table names
        return str(value)


def repeated_item(items: list[Any]) -> int | None:
    """Return the index of the first item that an earlier one equals, `None` if there is none.

    >>> repeated_item(["a", "b", "a"]), repeated_item([1, True])
    (2, None)
    """
    seen = set[str]()
    for index, item in enumerate(items):
        text = repr(item)
        if text in seen:
            return index
        seen.add(text)
    return None

"""A row as it is in its file, before it is converted, and JSON that is read without a loss."""

import json
import re
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson


class RowRecord(NamedTuple):
    """A row as it is in its file.

    Attributes:
        number: the number of the row, counted from 1.
        line: the line on which it begins; 0 if the file has no lines, or if the line has several rows.
        value: the row; `None` if it cannot be read.
        fault: why it cannot be read.
        is_table: whether it comes from a table with types, which fills structures with nulls.
        changed: how values are written in another way than in the file, by column.
    """

    number: int
    line: int
    value: Any
    fault: str | None = None
    is_table: bool = False
    changed: tuple[tuple[str, str], ...] = ()


_SPACED: Final = re.compile(rb'"\s+:')
"""What a count of `":` does not find."""
_ZEROS: Final = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG: Final = b"0" * 19
"""An integer beyond 64 bits, with zeros as its digits. A pattern would take ten times as long."""


class RepeatedNameError(ValueError):
    """An object has the same name twice. The message is the name."""


def exact(data: bytes | str) -> Any:
    """Return the value of JSON. No name is lost, and no integer is rounded.

    Raises:
        ValueError: it is not JSON, or has a number beyond the range of JSON readers.
        RepeatedNameError: an object has the same name twice.
    """
    value = orjson.loads(data)
    given = data.encode() if isinstance(data, str) else data
    with suppress(TypeError):  # the value is nested too deep to be written
        has_all_names = orjson.dumps(value).count(b'":') == given.count(b'":') and not _SPACED.search(given)
        if has_all_names and _LONG not in given.translate(_ZEROS):
            return value
    with suppress(RecursionError):
        return json.loads(data, object_pairs_hook=_distinct)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise RepeatedNameError(next(name for name in names if names.count(name) > 1))
    return made

"""The engine that runs mapping rules: TOML values to payload. It knows no key by name."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sftc.schemas import Schema
from sftc.text.keys import ABSENT, Path, look_up, parse_pointer, split


class Row(NamedTuple):
    """One mapping rule: the key at `path` goes to the payload pointer `to`.

    A constant has no `path`. `value` is what stands in for an absent key, or is the
    constant; `ABSENT` where nothing does.
    """

    id: str
    op: str
    path: tuple[str, ...]
    to: tuple[str, ...]
    value: Any
    why: str


class Unsent(NamedTuple):
    """A key that is never sent, who reads it instead, and why."""

    path: tuple[str, ...]
    used_by: str
    why: str


class Rename(NamedTuple):
    """A key that was called `path` and is called `to`, and why."""

    path: tuple[str, ...]
    to: tuple[str, ...]
    why: str


class Rules(NamedTuple):
    """What one version of the contract does with each key."""

    rows: tuple[Row, ...]
    unsent: tuple[Unsent, ...]
    renames: tuple[Rename, ...]


def load(text: str, properties: Mapping[Path, Schema]) -> Rules:
    """Read the rules of a `mapping.toml`; defaults come from the schemas of `properties`."""
    table = tomllib.loads(text)
    return Rules(
        rows=tuple(_row(entry, properties) for entry in table["rule"]),
        unsent=tuple(
            Unsent(split(entry["from"]), entry["used_by"], entry["why"]) for entry in table.get("unsent", ())
        ),
        renames=tuple(
            Rename(split(entry["from"]), split(entry["to"]), entry["why"])
            for entry in table.get("rename", ())
        ),
    )


def _row(entry: Mapping[str, Any], properties: Mapping[Path, Schema]) -> Row:
    op = entry["op"]
    path = split(entry["from"]) if "from" in entry else ()
    value = entry.get("value") if op == "constant" else properties[path].get("default", ABSENT)
    return Row(entry["id"], op, path, parse_pointer(entry["to"]), value, entry["why"])


# An operation returns the value a row sends, or `ABSENT` to leave it out.


def _copy(row: Row, values: Mapping[str, Any]) -> Any:
    return look_up(values, row.path)


def _default(row: Row, values: Mapping[str, Any]) -> Any:
    value = look_up(values, row.path)
    return row.value if value is ABSENT else value


def _when_present(row: Row, values: Mapping[str, Any]) -> Any:
    return ABSENT if look_up(values, row.path[:-1]) is ABSENT else _default(row, values)


def _constant(row: Row, values: Mapping[str, Any]) -> Any:
    return row.value


OPERATIONS: Final[Mapping[str, Callable[[Row, Mapping[str, Any]], Any]]] = {
    "copy": _copy,
    "default": _default,
    "when-present": _when_present,
    "verbatim": _default,
    "constant": _constant,
}


def sent(rules: Rules, values: Mapping[str, Any]) -> Iterator[tuple[Row, Any]]:
    """Yield each row that sends something for `values`, with what it sends."""
    for row in rules.rows:
        value = OPERATIONS[row.op](row, values)
        if value is not ABSENT:
            yield row, value


def apply(rules: Rules, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload for `values`, which must be valid under the same contract.

    The payload shares no list or table with `values`.
    """
    payload: dict[str, Any] = {}
    for row, value in sent(rules, values):
        table = payload
        for part in row.to[:-1]:
            table = table.setdefault(part, {})
        table[row.to[-1]] = _fresh(value)
    return payload


def _fresh(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _fresh(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_fresh(child) for child in value]
    return value

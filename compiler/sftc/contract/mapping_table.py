"""The mapping table of a version: which key goes where in the payload, by which operation, and why."""

import tomllib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sftc.contract.schemas import Schema
from sftc.text.keys import ABSENT, Path, look_up, parse_pointer, split


class Condition(NamedTuple):
    """The key at `path` is set; to `value`, unless that is `ABSENT`."""

    path: tuple[str, ...]
    value: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the values of a config meet it."""
        found = look_up(values, self.path)
        return found is not ABSENT and (self.value is ABSENT or found == self.value)


class MappingRow(NamedTuple):
    """One mapping rule: the key at `path` goes to the payload pointer `to`.

    A constant has no `path`. `value` is the constant, or replaces an absent key; `ABSENT` if
    nothing does. `closed` are the tables at or below `path` that take only known keys, by
    their path from there, with the names of those keys. `values` is what is sent for each value
    of the key, by its JSON text. A constant with `when` is sent only if one of them holds.
    """

    id: str
    op: str
    path: tuple[str, ...]
    to: tuple[str, ...]
    value: Any
    why: str
    closed: Mapping[Path, Collection[str]] = MappingProxyType({})
    values: Mapping[str, Any] = MappingProxyType({})
    when: tuple[Condition, ...] = ()


class Unsent(NamedTuple):
    """A key that is never sent, what reads it instead, and why."""

    path: tuple[str, ...]
    used_by: str
    why: str


class Rename(NamedTuple):
    """A key that was called `path` and is now called `to`, and why."""

    path: tuple[str, ...]
    to: tuple[str, ...]
    why: str


class MappingTable(NamedTuple):
    """What one version of the contract does with each key."""

    rows: tuple[MappingRow, ...]
    unsent: tuple[Unsent, ...]
    renames: tuple[Rename, ...]

    def newer(self, values: Mapping[str, Any]) -> list[Path]:
        """Return the keys because of which the payload for `values` names its version."""
        return [each.path for row in self.rows for each in row.when if each.holds(values)]

    def pointers(self, path: Path) -> list[tuple[str, ...]]:
        """Return where in the payload the key at `path` goes; a key of a table goes where the table goes.

        The first is where it is copied to. A key that is not sent goes nowhere.
        """
        return [
            (*row.to, *map(str, path[len(row.path) :]))
            for row in self.rows
            if row.path and path[: len(row.path)] == row.path
        ]


def load_mapping(text: str, properties: Mapping[Path, Schema]) -> MappingTable:
    """Read the rules of a `mapping.toml`; defaults come from the schemas of `properties`."""
    table = tomllib.loads(text)
    return MappingTable(
        rows=tuple(_row(entry, properties) for entry in table["rule"]),
        unsent=tuple(
            Unsent(split(entry["from"]), entry["used_by"], entry["why"]) for entry in table.get("unsent", ())
        ),
        renames=tuple(
            Rename(split(entry["from"]), split(entry["to"]), entry["why"])
            for entry in table.get("rename", ())
        ),
    )


def _row(entry: Mapping[str, Any], properties: Mapping[Path, Schema]) -> MappingRow:
    op, why, to = entry["op"], entry["why"], parse_pointer(entry["to"])
    if op == "constant":
        when = tuple(
            Condition(split(each["key"]), each.get("value", ABSENT)) for each in entry.get("when", ())
        )
        return MappingRow(entry["id"], op, (), to, entry.get("value"), why, when=when)
    path = split(entry["from"])
    closed = {
        below[len(path) :]: schema.get("properties", {}).keys()
        for below, schema in properties.items()
        if below[: len(path)] == path and schema.get("additionalProperties") is False
    }
    default, values = properties[path].get("default", ABSENT), entry.get("values", {})
    return MappingRow(entry["id"], op, path, to, default, why, closed, values)

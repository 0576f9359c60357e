"""The mapping table of a version: which key goes where in the payload, by which operation, and why."""

import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from sftc.contract.schemas import Schema
from sftc.text.keys import ABSENT, Path, parse_pointer, split


class MappingRow(NamedTuple):
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


class MappingTable(NamedTuple):
    """What one version of the contract does with each key."""

    rows: tuple[MappingRow, ...]
    unsent: tuple[Unsent, ...]
    renames: tuple[Rename, ...]


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
    op = entry["op"]
    path = split(entry["from"]) if "from" in entry else ()
    value = entry.get("value") if op == "constant" else properties[path].get("default", ABSENT)
    return MappingRow(entry["id"], op, path, parse_pointer(entry["to"]), value, entry["why"])

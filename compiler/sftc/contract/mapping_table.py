"""The mapping table of a target: which key goes where in the payload, by which operation, and why."""

import tomllib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sftc.contract.schemas import Schema
from sftc.text.keys import ABSENT, Path, look_up, parse_pointer, split


class Condition(NamedTuple):
    """The key at `path` is set; to `value`, and to a list that has `item`, unless these are `ABSENT`."""

    path: tuple[str, ...]
    value: Any = ABSENT
    item: Any = ABSENT

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the values of a config meet it."""
        found = look_up(values, self.path)
        if found is ABSENT or (self.item is not ABSENT and self.item not in found):
            return False
        return self.value is ABSENT or bool(found == self.value)


def conditions_hold(
    when: tuple[Condition, ...], unless: tuple[Condition, ...], values: Mapping[str, Any]
) -> bool:
    """Return whether a row applies to the values of a config: one of `when`, if any, and none of `unless`."""
    wanted = not when or any(each.holds(values) for each in when)
    return wanted and not any(each.holds(values) for each in unless)


Factor = tuple[str, ...] | float
"""A number of a product: the key at a path, or the number itself."""


class MappingRow(NamedTuple):
    """One mapping rule: what goes to the payload pointer `to`, by which operation.

    `path` is the key that the value comes from; a constant has none. `value` is the constant, or
    replaces an absent key; `ABSENT` if nothing does. `closed` are the tables at or below `path` that
    take only known keys, by their path from there, with the names of those keys. `values` is what
    is sent for each value of the key, by its JSON text. `of` and `by` are the factors of a product and
    of its divisor. `options` are the other settings of the operation. A row applies if one
    of `when` holds, or there are none, and none of `unless` does. `key` is the key that the row gives a
    meaning to, where that is another.
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
    unless: tuple[Condition, ...] = ()
    of: tuple[Factor, ...] = ()
    by: tuple[Factor, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    key: tuple[str, ...] = ()

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether the conditions of the row hold for the values of a config."""
        return conditions_hold(self.when, self.unless, values)

    @property
    def reads(self) -> tuple[tuple[str, ...], ...]:
        """The keys that the value is made of, the one that decides first."""
        factors = tuple(each for each in (*self.of, *self.by) if isinstance(each, tuple))
        return ((self.path,) if self.path else ()) + factors + ((self.key,) if self.key else ())

    @property
    def asks(self) -> tuple[tuple[str, ...], ...]:
        """The keys that its conditions name."""
        return tuple(each.path for each in (*self.when, *self.unless))


class Inexpressible(NamedTuple):
    """The key at `path`, or a value of it that the schema `takes` does not allow, cannot be written.

    `severity` is `error` if the run would be another one, `warning` if it would not, and `note` if the
    difference is small. `why` is the reason, `instead` what a person can do. It applies under
    the conditions `when` and `unless`, as rows do.
    """

    path: tuple[str, ...]
    takes: Schema | None
    severity: str
    why: str
    instead: str
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether the conditions hold for the values of a config."""
        return conditions_hold(self.when, self.unless, values)


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


class Need(NamedTuple):
    """A key, or setting of the run, that the reader must be given; `why`, and what to do `instead`.

    `key` is the key to set. `severity` is `error` if the run would be another one without it, and
    `warning` if there would be none.
    """

    path: tuple[str, ...]
    key: tuple[str, ...]
    why: str
    instead: str
    severity: str = "warning"


class Agreement(NamedTuple):
    """Two keys, or settings of the run, that must have the same value if both have one; `why` they must."""

    path: tuple[str, ...]
    other: tuple[str, ...]
    why: str


class MappingTable(NamedTuple):
    """What a target does with each key."""

    rows: tuple[MappingRow, ...]
    unsent: tuple[Unsent, ...]
    renames: tuple[Rename, ...]
    inexpressible: tuple[Inexpressible, ...] = ()
    needs: tuple[Need, ...] = ()
    agreements: tuple[Agreement, ...] = ()

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
    return mapping_of(tomllib.loads(text), properties)


def mapping_of(table: Mapping[str, Any], properties: Mapping[Path, Schema]) -> MappingTable:
    """Return the rules of a `mapping.toml` that has the values `table`."""
    return MappingTable(
        rows=tuple(_row(entry, properties) for entry in table["rule"]),
        unsent=tuple(
            Unsent(split(entry["from"]), entry["used_by"], entry["why"]) for entry in table.get("unsent", ())
        ),
        renames=tuple(
            Rename(split(entry["from"]), split(entry["to"]), entry["why"])
            for entry in table.get("rename", ())
        ),
        inexpressible=tuple(map(_inexpressible, table.get("cannot", ()))),
        needs=tuple(
            Need(
                split(entry["from"]),
                split(entry["key"]),
                entry["why"],
                entry["instead"],
                entry.get("severity", "warning"),
            )
            for entry in table.get("need", ())
        ),
        agreements=tuple(
            Agreement(split(entry["from"]), split(entry["with"]), entry["why"])
            for entry in table.get("agree", ())
        ),
    )


_OF_ALL: Final = frozenset(
    {"id", "op", "from", "to", "value", "why", "values", "when", "unless", "of", "by", "key"}
)
"""The settings of a rule that have a field. All others are options of its operation."""


def _row(entry: Mapping[str, Any], properties: Mapping[Path, Schema]) -> MappingRow:
    op, path = entry["op"], split(entry["from"]) if "from" in entry else ()
    closed = {
        below[len(path) :]: schema.get("properties", {}).keys()
        for below, schema in properties.items()
        if op == "verbatim" and below[: len(path)] == path and schema.get("additionalProperties") is False
    }
    default = properties.get(path, {}).get("default", ABSENT)
    return MappingRow(
        entry["id"],
        op,
        path,
        parse_pointer(entry["to"]),
        entry.get("value") if op == "constant" else default,
        entry["why"],
        closed,
        entry.get("values", {}),
        when=conditions_of(entry, "when"),
        unless=conditions_of(entry, "unless"),
        of=_factors(entry, "of"),
        by=_factors(entry, "by"),
        options={name: option for name, option in entry.items() if name not in _OF_ALL},
        key=split(entry["key"]) if "key" in entry else (),
    )


def conditions_of(entry: Mapping[str, Any], name: str) -> tuple[Condition, ...]:
    """Return the conditions that an entry of a table has under `name`: `when` or `unless`."""
    return tuple(
        Condition(split(each["key"]), each.get("value", ABSENT), each.get("has", ABSENT))
        for each in entry.get(name, ())
    )


def _factors(entry: Mapping[str, Any], name: str) -> tuple[Factor, ...]:
    return tuple(split(each) if isinstance(each, str) else each for each in entry.get(name, ()))


def _inexpressible(entry: Mapping[str, Any]) -> Inexpressible:
    return Inexpressible(
        split(entry["from"]),
        entry.get("takes"),
        entry["severity"],
        entry["why"],
        entry.get("instead", ""),
        conditions_of(entry, "when"),
        conditions_of(entry, "unless"),
    )

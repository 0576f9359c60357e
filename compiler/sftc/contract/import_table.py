"""What is known about the configs that another trainer takes, besides the mapping table of its target.

`fields.json` has the names of its keys with their defaults, and `import.toml` the rest; see
`import.schema.json`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from sftc.contract.acceptance import schema_predicate
from sftc.contract.json_types import json_text
from sftc.contract.mapping_table import Condition, conditions_hold, conditions_of
from sftc.contract.schemas import Schema, Schemas
from sftc.contract.targets import FOLDER, Read
from sftc.text.keys import ABSENT, Path, look_up, split

ANY: Final = "*"
"""In a key of the table: any item of a list, or any key of a table."""

Key = tuple[str, ...]
_T = TypeVar("_T")


class ValueForm(NamedTuple):
    """Values of the key at `path` that mean the same as another one, by their JSON text."""

    path: Key
    values: Mapping[str, Any]
    why: str


class Meant(NamedTuple):
    """What the key at `path` is under the conditions: `value`, or `times` the key at `of`.

    It is so if the config leaves the key out, or whatever it says if it is `always` so.
    """

    path: Key
    value: Any
    of: Key
    times: int
    always: bool
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    why: str

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether the conditions hold for the values of a config of the trainer."""
        return conditions_hold(self.when, self.unless, values)

    def result(self, values: Mapping[str, Any], default: Any) -> Any:
        """Return the value that is meant; `default` is that of the key at `of`, if it depends on one."""
        if not self.of:
            return self.value
        found = look_up(values, self.of)
        found = default if found is ABSENT else found
        return found * self.times if isinstance(found, int | float) and self.times != 1 else found


class OwnRow(NamedTuple):
    """The key at `path` decides `to`: a key of the language, or a setting of the run.

    `values` has what a value decides, by its JSON text; `globs` does the same for texts. What neither has is
    not read by this row. `adds` is whether `to` is a list that gets the value. `note` is part of the account
    if the row was read.
    """

    path: Key
    to: Key
    values: Mapping[str, Any]
    globs: tuple[tuple[str, Any], ...]
    adds: bool
    note: str
    why: str

    def result(self, value: Any) -> Any:
        """Return what a value decides, `ABSENT` if nothing."""
        from fnmatch import fnmatchcase

        if not self.values and not self.globs:
            return value
        if (text := json_text(value)) in self.values:
            return self.values[text]
        fits = (made for glob, made in self.globs if fnmatchcase(text.lower(), glob))
        return next(fits, ABSENT)


class ImportLoss(NamedTuple):
    """The key at `path`, or a value that `takes` does not allow, is not imported.

    It is imported after all if the table that it is in has the values `beside`.

    `severity` is `error` if the run is another one without it, `warning` if it is not, and `note` if the
    difference is small. `why` says what the run loses, and `instead` what a person can do.
    """

    path: Key
    takes: Schema | None
    severity: str
    why: str
    instead: str
    beside: Mapping[str, Any] = MappingProxyType({})

    def refuses(self, value: Any, table: Any, schemas: Schemas) -> bool:
        """Return whether a value that is in `table` is one that `takes` does not allow."""
        if self.takes is None or schema_predicate(schemas, self.takes)(value):
            return False
        return not self.beside or any(look_up(table, (name,)) != each for name, each in self.beside.items())


class Label(NamedTuple):
    """The key at `path` has names, with commas between them, of entries in the table at `table`.

    They are renamed to what the target writes: `name`, in which `{number}` counts from 1. The table is a
    file in the folder that the key at `folder` names. An entry has its own file at `file`, and is one of
    messages if it has what `like` has.
    """

    path: Key
    table: Key
    name: str
    folder: Key
    file: str
    like: Mapping[str, Any]


class Open(NamedTuple):
    """Something that a file leaves open, under the conditions and unless it decides the key at `path`."""

    path: Key
    severity: str
    why: str
    instead: str
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether the conditions hold for the values of a config of the trainer."""
        return conditions_hold(self.when, self.unless, values)


class ImportTable(NamedTuple):
    """What is known about the configs of a trainer, which is called `trainer`.

    `fields` are its keys with their defaults, and `closed` the tables that take no other keys. `aliases` has
    other names of keys, `losses` and `idle` what cannot be imported and what has no effect.
    """

    trainer: str
    fields: Mapping[Key, Any]
    closed: frozenset[Key]
    aliases: Mapping[Key, Key]
    forms: tuple[ValueForm, ...]
    meant: tuple[Meant, ...]
    own: tuple[OwnRow, ...]
    losses: Mapping[Key, ImportLoss]
    idle: Mapping[Key, str]
    labels: tuple[Label, ...]
    stated: tuple[Key, ...]
    open: tuple[Open, ...]

    def default(self, path: Path) -> Any:
        """Return the default of the key at `path`, `ABSENT` if none is known."""
        return self.fields.get(shape(path), ABSENT)

    def knows(self, path: Path) -> bool:
        """Return whether the trainer has the key at `path`, or takes any key in the table that it is in."""
        key = shape(path)
        if key in self.fields or key in self.aliases or key in self.losses or key in self.idle:
            return True
        parents = (key[:depth] for depth in range(len(key) - 1, 0, -1))
        table = next((each for each in parents if each in self.fields or each in self.closed), None)
        return table is not None and table not in self.closed

    def loss(self, path: Path) -> ImportLoss | None:
        """Return the entry about the key at `path`, or a table around it, that cannot be imported."""
        return _nearest(self.losses, path)

    def idleness(self, path: Path) -> str | None:
        """Return why the key at `path` has no effect, `None` if it has one."""
        return _nearest(self.idle, path)


def shape(path: Path) -> Key:
    """Return a path as the table names it: each item of a list is `*`."""
    return tuple(ANY if isinstance(part, int) else part for part in path)


def _nearest(entries: Mapping[Key, _T], path: Path) -> _T | None:
    """Return the entry about the key at `path`, or else about the nearest table around it."""
    key = shape(path)
    for depth in range(len(key), 0, -1):
        for each in (key[:depth], (*key[: depth - 1], ANY)):
            if each in entries:
                return entries[each]
    return None


def has_import_table(read: Read, target: str) -> bool:
    """Return whether configs of a target's trainer can be imported."""
    try:
        return bool(read(f"{FOLDER}/{target}/import.toml"))
    except OSError:
        return False


def load_import_table(read: Read, target: str) -> ImportTable:
    """Return the table for the configs of a target's trainer."""
    text, fields = (read(f"{FOLDER}/{target}/{name}") for name in ("import.toml", "fields.json"))
    return import_table_of(tomllib.loads(text.decode()), orjson.loads(fields))


def import_table_of(table: Mapping[str, Any], fields: Mapping[str, Any]) -> ImportTable:
    """Return the table with the values of an `import.toml` and of a `fields.json`."""
    keys = {split(name): value for name, value in fields.items()}
    return ImportTable(
        table["trainer"],
        keys,
        frozenset(key[:-1] for key in keys if len(key) > 1),
        {split(each["key"]): split(each["to"]) for each in table.get("alias", ())},
        tuple(ValueForm(split(each["key"]), each["values"], each["why"]) for each in table.get("form", ())),
        tuple(map(_meant, table.get("meant", ()))),
        tuple(map(_own, table.get("own", ()))),
        {loss.path: loss for loss in _losses(table)},
        {split(key): each["why"] for each in table.get("idle", ()) for key in each["keys"]},
        tuple(map(_label, table.get("label", ()))),
        tuple(map(split, table.get("stated", ()))),
        tuple(map(_open, table.get("open", ()))),
    )


def _losses(table: Mapping[str, Any]) -> Iterator[ImportLoss]:
    for each in table.get("loss", ()):
        for key in each["keys"]:
            severity, why, instead = each["severity"], each["why"], each.get("instead", "")
            yield ImportLoss(split(key), each.get("takes"), severity, why, instead, each.get("beside", {}))


def _label(entry: Mapping[str, Any]) -> Label:
    where = split(entry["key"]), split(entry["in"]), entry["name"], split(entry["folder"])
    return Label(*where, entry["file"], entry["like"])


def _open(entry: Mapping[str, Any]) -> Open:
    return Open(
        split(entry["key"]) if "key" in entry else (),
        entry["severity"],
        entry["why"],
        entry["instead"],
        conditions_of(entry, "when"),
        conditions_of(entry, "unless"),
    )


def _meant(entry: Mapping[str, Any]) -> Meant:
    return Meant(
        split(entry["key"]),
        entry.get("value"),
        split(entry["of"]) if "of" in entry else (),
        entry.get("times", 1),
        entry.get("always", False),
        conditions_of(entry, "when"),
        conditions_of(entry, "unless"),
        entry["why"],
    )


def _own(entry: Mapping[str, Any]) -> OwnRow:
    return OwnRow(
        split(entry["key"]),
        split(entry["to"]),
        entry.get("values", {}),
        tuple((each["glob"], each["value"]) for each in entry.get("globs", ())),
        entry.get("adds", False),
        entry.get("note", ""),
        entry["why"],
    )

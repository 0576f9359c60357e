"""The config of another trainer in the terms of its target: current names, one form of each value."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from posixpath import isabs, join, normpath
from typing import Any, Final

import orjson

from sftc.contract.import_table import ImportLoss, ImportTable, Label, OwnRow, shape
from sftc.contract.inverse import Backwards, Wanted, same
from sftc.contract.json_types import json_text
from sftc.contract.targets import Target
from sftc.document.reading import MAX_BYTES
from sftc.document.yaml_text import YamlDocument
from sftc.text.keys import ABSENT, Path, dotted, look_up

ReadBeside = Callable[[str], Any]
"""Returns the values of a JSON file that a config names, `None` if it cannot be read."""

_TEXT: Final = ABSENT
"""Stands for any text in what an entry must be like."""


def json_beside(folder: str) -> ReadBeside:
    """Return what reads a JSON file by a path from the working directory, or else from `folder`."""

    def read(name: str) -> Any:
        for path in (name, os.path.join(folder, name)):
            with suppress(OSError, ValueError):
                if os.path.isfile(path) and os.path.getsize(path) <= MAX_BYTES:
                    with open(path, "rb") as file:
                        return orjson.loads(file.read())
        return None

    return read


class ForeignConfig:
    """What a config says to its trainer.

    `said` has the values under the names and in the forms that the target writes, and `files` those of
    the target's other files. Of the keys in these terms, `places` has where the document has them,
    `refused` those that cannot be imported, and `own` those that a row of the import table reads, with what
    that makes of them. `idle` has keys of the document that another one turns off, with the reason.
    """

    def __init__(
        self, document: YamlDocument, table: ImportTable, target: Target, beside: ReadBeside
    ) -> None:
        self.document = document
        self.table = table
        self.target = target
        self.root = target.facts.files[0].at
        self.places: dict[Path, Path] = {}
        self.idle: dict[Path, str] = {}
        self.refused: dict[Path, ImportLoss] = {}
        self.own: dict[Path, tuple[OwnRow, Any]] = {}
        self.said = self._named(document.values)
        self.files = self._labelled(beside)
        self._turn_off()
        self._read_forms()

    def pointer(self, path: Path) -> Path:
        """Return where in the payload of the target the key at `path` is."""
        return (*self.root, *path)

    def inside(self, pointer: Path) -> Path:
        """Return the key that is at a pointer into the payload."""
        return pointer[len(self.root) :]

    def is_in_file(self, pointer: Path) -> bool:
        """Return whether a pointer is into the file that was imported, and not into another one."""
        return pointer[: len(self.root)] == self.root

    def current(self, path: Path) -> Path:
        """Return the current name of the key at `path` of the document."""
        return self.table.aliases.get(shape(path), path)

    def is_default(self, path: Path) -> bool:
        """Return whether the value of a key is the trainer's default."""
        return same(look_up(self.said, path), self.table.default(path))

    def effective(self, path: Path, values: Mapping[str, Any]) -> Any:
        """Return what the trainer takes the key at `path` for: the value, or what it is without one."""
        value = look_up(values, path)
        default = self.table.default(path)
        if value is not ABSENT and not (value is None and default is None):
            return value
        for each in self.table.meant:
            if not each.always and each.path == shape(path) and each.applies(values):
                return each.result(values, self.table.default(each.of) if each.of else ABSENT)
        return default

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the known keys under their current names."""
        said: dict[str, Any] = {}
        for path in source_keys(values):
            if not self.table.knows(path):
                continue
            to = self.current(path)
            if to != path and look_up(values, to) is not ABSENT:
                self.idle[path] = f"`{dotted(to)}` is set as well, and decides"
                continue
            self.places[to] = path
            value = look_up(values, path)
            if value is not None or self._has_null(to):
                _put(said, to, value)
        return said

    def _has_null(self, path: Path) -> bool:
        """Return whether a key without a value says something: that a length has no limit."""
        rows = [row for row in self.target.mapping.rows if row.to == self.pointer(path)]
        return any(row.op == "constant" and row.value is None for row in rows)

    def _labelled(self, beside: ReadBeside) -> dict[str, Any]:
        """Return the parts of the payload in other files, with the names that the target writes for them."""
        files: dict[str, Any] = {}
        for file in self.target.facts.files[1:]:
            [part] = file.at
            labels = [each for each in self.table.labels if each.table == file.at]
            for label in labels:
                folder = self.effective(label.folder, self.said)
                if isinstance(look_up(self.said, label.path), str) and isinstance(folder, str):
                    listed = beside(f"{folder}/{file.name}")
                    entries = self._entries(label, listed if isinstance(listed, dict) else {}, folder)
                    files.setdefault(part, {}).update(entries)
        return files

    def _entries(self, label: Label, listed: Mapping[str, Any], folder: str) -> dict[str, Any]:
        names = [each.strip() for each in look_up(self.said, label.path).split(",") if each.strip()]
        if not names or not all(_has(listed.get(name), {**label.like, label.file: _TEXT}) for name in names):
            return {}
        ours = [label.name.replace("{number}", str(number)) for number in range(1, len(names) + 1)]
        found = {}
        for name, own in zip(names, ours, strict=True):
            file = listed[name][label.file]
            found[own] = {label.file: file if isabs(file) else normpath(join(folder, file))}
        _put(self.said, label.path, ",".join(ours))
        return found

    def _turn_off(self) -> None:
        """Set what always is so under the conditions, whatever the document says."""
        for each in self.table.meant:
            if each.always and each.applies(self.said):
                value, meant = look_up(self.said, each.path), each.result(self.said, ABSENT)
                if value is not ABSENT and not same(value, meant):
                    self.idle[self.places.get(each.path, each.path)] = each.why
                _put(self.said, each.path, meant)

    def _read_forms(self) -> None:
        """Bring values into the form that the target writes, and find out which cannot be imported."""
        for path in [*source_keys(self.said)]:
            value = look_up(self.said, path)
            for form in self.table.forms:
                if form.path == shape(path) and not isinstance(value, dict):
                    value = form.values.get(json_text(value), value)
            _put(self.said, path, value)
            row = next((each for each in self.table.own if each.path == shape(path)), None)
            if row and (made := row.result(value)) is not ABSENT:
                self.own[path] = (row, made)
                continue
            loss, table = self.table.loss(path), look_up(self.said, path[:-1])
            is_said = path in self.places and not self.is_default(path)
            if loss and is_said and loss.refuses(value, table, self.target.schemas):
                self.refused[path] = loss

    def wanted(self, tables: Backwards) -> list[Wanted]:
        """Return what a payload of the target must have to mean the same."""
        said: dict[str, Any] = {}
        for path in source_keys(self.said):
            if path not in self.refused:
                _put(said, path, look_up(self.said, path))
        places = [to for to in tables.rows if self.is_in_file(to) and self.inside(to) not in self.own]
        found = [self._wanted_at(to, said) for to in places]
        others = [to for to in tables.rows if not self.is_in_file(to)]
        found += [Wanted(to, look_up(self.files, to), self._labels_key(to)) for to in others]
        return [each for each in found if each.value is not ABSENT] + self._wanted_keys()

    def _wanted_at(self, to: tuple[str, ...], said: Mapping[str, Any]) -> Wanted:
        path = self.inside(to)
        loss = self.table.loss(path)
        is_weak = self.table.idleness(path) is not None or (loss is not None and loss.severity != "error")
        is_given = look_up(said, path) is not ABSENT
        value = ABSENT if path in self.refused else self.effective(path, said)
        return Wanted(to, value, path, is_given=is_given, weak=is_weak)

    def _wanted_keys(self) -> list[Wanted]:
        """Return what the rows of the import table make: of those that add to a list, the whole list."""
        lists: dict[tuple[str, ...], list[Any]] = {}
        for row, made in self.own.values():
            if row.adds:
                lists.setdefault(row.to, []).extend(made if isinstance(made, list) else [made])
        return [
            Wanted(row.to, lists.get(row.to, made), path, is_key=True)
            for path, (row, made) in self.own.items()
        ]

    def _labels_key(self, to: tuple[str, ...]) -> Path:
        """Return the key that names the entries at a pointer into another file."""
        labels = [each for each in self.table.labels if each.table == to[: len(each.table)]]
        named = [each for each in labels if (*each.table, each.name) == to[: len(each.table) + 1]]
        return (named or labels)[0].path


def source_keys(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every scalar, list of scalars, and empty table."""
    tables = isinstance(value, list) and any(isinstance(each, dict) for each in value)
    if not (isinstance(value, dict) and value) and not tables:
        if path:
            yield path
        return
    for part, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield from source_keys(child, (*path, part))


def _has(entry: Any, like: Any) -> bool:
    """Return whether `entry` has what `like` has."""
    if isinstance(like, dict):
        return isinstance(entry, dict) and all(_has(entry.get(name), each) for name, each in like.items())
    return isinstance(entry, str) if like is _TEXT else bool(entry == like)


def _put(values: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at `path`; missing tables and items are made."""
    table: Any = values
    for part, below in pairwise(path):
        empty: Any = [] if isinstance(below, int) else {}
        if isinstance(part, int):
            while len(table) <= part:
                table.append(type(empty)())
            table = table[part]
        else:
            table = table.setdefault(part, empty)
    if isinstance(path[-1], int):
        while len(table) <= path[-1]:
            table.append({})
    table[path[-1]] = value

"""Targets: what a config is compiled to, each a folder of data."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from sftc.contract.acceptance import Predicate, predicate
from sftc.contract.mapping_table import MappingRow, MappingTable, load_mapping
from sftc.contract.schemas import Schema, Schemas
from sftc.text.keys import Path, parse_pointer

if TYPE_CHECKING:
    from sftc.contract.service_table import ServiceTable

DEFAULT: Final = "sft-offline"
"""The target of a config if no other is named."""

FOLDER: Final = "targets"

SERVICE: Final = "service.toml"
"""The file of a target that has the table of its service."""

ROWS: Final = "row.schema.json"
"""The file of a target that has the schema of the rows that its service takes."""

RUN: Final = "run"
"""The name under which mapping tables read what a config means; see `Contract.run`."""

FileForm = Literal["json", "yaml"]
Read = Callable[[str], bytes]


class Language(Protocol):
    """What a target reads of a version of the contract, which in turn has targets."""

    @property
    def schemas(self) -> Schemas:
        """All schemas."""

    @property
    def properties(self) -> Mapping[Path, Schema]:
        """The schema of every key and table."""

    @property
    def run_table(self) -> MappingTable:
        """The table of what a config means."""


class TargetFile(NamedTuple):
    """A file that a target writes: its name, in which `{name}` is that of the config, its form and its part.

    It has the part of the payload at the JSON pointer `at`. If that is absent, the file is not written.
    """

    name: str
    form: FileForm
    at: tuple[str, ...]


class TargetFacts(NamedTuple):
    """What is known about a target besides its table: see `target.schema.json`."""

    title: str
    command: str
    package: str
    version: str
    documentation: str
    files: tuple[TargetFile, ...]


class Target:
    """One target: its name, its mapping table and the schema of its payload.

    `folder` has the table and the schema. `language` is the version of the contract whose keys the table
    reads. `read` returns the bytes of a file by its path. `own_version` is set for the target that has a
    folder for each version of the language, and so reads a config in the terms of its own version.
    """

    def __init__(
        self, name: str, folder: str, language: Language, read: Read, *, own_version: bool = False
    ) -> None:
        self.name = name
        self.schemas = language.schemas
        self.own_version = own_version
        self.payload_schema = f"{folder}/payload.schema.json"
        self._folder = folder
        self._language = language
        self._read = read

    @property
    def is_default(self) -> bool:
        """Whether it is the target of a config for which none is named."""
        return self.name == DEFAULT

    @cached_property
    def facts(self) -> TargetFacts:
        """Who reads what it writes, and in which files."""
        table = tomllib.loads(self._read(f"{FOLDER}/{self.name}/target.toml").decode())
        reader = table.get("reader", {})
        return TargetFacts(
            table["title"],
            reader.get("command", ""),
            reader.get("package", ""),
            reader.get("version", ""),
            reader.get("documentation", ""),
            tuple(
                TargetFile(each["name"], each["form"], parse_pointer(each.get("at", "")))
                for each in table["file"]
            ),
        )

    @cached_property
    def service(self) -> "ServiceTable | None":
        """How a job is submitted to the service of this target, or `None` if there is no service."""
        try:
            data = self._read(f"{FOLDER}/{self.name}/{SERVICE}")
        except FileNotFoundError:
            return None
        from sftc.contract.service_table import load_service

        return load_service(data.decode())

    @cached_property
    def row_schema(self) -> Schema | None:
        """The schema of the rows that its service takes, if that is not the one of training files."""
        name = f"{FOLDER}/{self.name}/{ROWS}"
        try:
            return self.schemas.file(name)
        except FileNotFoundError:
            return None

    @cached_property
    def mapping(self) -> MappingTable:
        """The table of what is sent, and of what cannot be."""
        return load_mapping(self._read(f"{self._folder}/mapping.toml").decode(), self._language.properties)

    @cached_property
    def accepts_payload(self) -> Predicate:
        """Whether a value is certainly a valid payload."""
        return predicate(self.schemas, self.payload_schema)

    @cached_property
    def read(self) -> Mapping[tuple[str, ...], tuple[MappingRow, ...]]:
        """The keys of a config that decide something in the payload, each with the rows that it decides."""
        found: dict[tuple[str, ...], list[MappingRow]] = {}
        for row in self.mapping.rows:
            for path in self._keys(row):
                found.setdefault(path, []).append(row)
        return {path: tuple(rows) for path, rows in found.items()}

    def sources(self, row: MappingRow) -> list[tuple[str, ...]]:
        """Return the keys of a config that the value of `row` is made of, and not only its conditions."""
        return [key for path in row.reads for key in self._behind(path)]

    def _keys(self, row: MappingRow) -> dict[tuple[str, ...], None]:
        """Return the keys of a config that `row` depends on, through settings of the run as well."""
        return dict.fromkeys(key for path in (*row.reads, *row.asks) for key in self._behind(path))

    def _behind(self, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Yield `path`, or if it is a setting of the run, the keys that it depends on."""
        if path[0] != RUN:
            yield path
        else:
            yield from (key for each in self._run_rows[path] for key in self._keys(each))

    @cached_property
    def _run_rows(self) -> Mapping[tuple[str, ...], list[MappingRow]]:
        rows: dict[tuple[str, ...], list[MappingRow]] = {}
        for row in self._language.run_table.rows:
            rows.setdefault((RUN, *row.to), []).append(row)
        return rows

    @cached_property
    def entries(self) -> frozenset[tuple[str, ...]]:
        """The keys that its table is about: read by a row, left out, or impossible to write."""
        table = self.mapping
        left = (*(each.path for each in table.unsent), *(each.path for each in table.inexpressible))
        return frozenset((*self.read, *left))

    def covers(self, path: Path) -> bool:
        """Return whether the table is about the key at `path`, or a table around it."""
        return any(path[: len(each)] == each for each in self.entries)


def as_files(target: Target, payload: Any, name: str) -> dict[str, tuple[FileForm, Any]]:
    """Return the files of a payload by name, each with its form and its part of the payload.

    `name` replaces `{name}` in the names of the target's files.
    """
    files: dict[str, tuple[FileForm, Any]] = {}
    for file in target.facts.files:
        part = payload
        for step in file.at:
            part = part.get(step) if isinstance(part, dict) else None
        if part is not None:
            files[file.name.replace("{name}", name)] = (file.form, part)
    return files

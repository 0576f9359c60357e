"""One version of the contract, and the versions there are; the only reader of `sftc_schemas`."""

import pkgutil
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Final

import orjson

from sftc.contract import mapping_table
from sftc.contract.acceptance import Predicate, predicate
from sftc.contract.schemas import Schema, Schemas
from sftc.text.keys import Path, dotted

CONFIG: Final = "config.schema.json"
PAYLOAD: Final = "payload.schema.json"
ROW: Final = "row.schema.json"
SELECTOR: Final = "schema_version"

Read = Callable[[str], bytes]


class Contract:
    """The schemas and mapping rules of one version."""

    def __init__(self, version: int, read: Read) -> None:
        """Take the version and `read`, which returns the bytes of a file of its folder."""
        self.version = version
        self.read = read
        self.schemas = Schemas(read)
        self.properties: Mapping[Path, Schema] = self.schemas.properties(CONFIG)
        self.mapping = mapping_table.load_mapping(read("mapping.toml").decode(), self.properties)

    @cached_property
    def sections(self) -> tuple[Path, ...]:
        """The TOML sections that have a schema of their own."""
        return tuple(path for path in self.properties if f"{dotted(path)}.schema.json" in self.schemas.names)

    def bundle(self, name: str) -> bytes:
        """Return the schema in file `name` as one file with local references only."""
        return orjson.dumps(self.schemas.bundle(name), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @cached_property
    def homes(self) -> Mapping[str, list[Path]]:
        """The paths of all properties of a name, by that name; legacy ones are nobody's home."""
        homes: dict[str, list[Path]] = {}
        for path, schema in self.properties.items():
            if not schema.get("deprecated"):
                homes.setdefault(str(path[-1]), []).append(path)
        return homes

    @cached_property
    def other_names(self) -> Mapping[str, Path]:
        """The properties that other trainers call by another name, by that name."""
        return {
            name: path
            for path, schema in self.properties.items()
            for name in schema.get("x-sftc", {}).get("also", ())
        }

    @cached_property
    def open_tables(self) -> Mapping[Path, Collection[str]]:
        """The tables that take any key but know some, and the names of those."""
        return {
            path: schema["properties"].keys()
            for path, schema in self.properties.items()
            if schema.get("properties") and schema.get("additionalProperties")
        }

    def names_in(self, table: Path) -> list[str]:
        """Return the names of the keys that are known in `table`."""
        return [name for name, paths in self.homes.items() if any(path[:-1] == table for path in paths)]

    @cached_property
    def accepts(self) -> Predicate:
        """Whether there is nothing at all to say against a config's values."""
        return predicate(self.schemas, CONFIG)

    @cached_property
    def accepts_payload(self) -> Predicate:
        """Whether a value is beyond doubt a compiled payload."""
        return predicate(self.schemas, PAYLOAD)

    @cached_property
    def accepts_row(self) -> Predicate:
        """Whether a value is beyond doubt a row of a training file."""
        return predicate(self.schemas, ROW)


class Contracts:
    """The versions of the contract, each read when it is first asked for."""

    def __init__(self, read: Read) -> None:
        """Take `read`, which returns the bytes of a file of the contract, by relative path."""
        self.read = read
        self._known: dict[int, Contract] = {}

    @cached_property
    def versions(self) -> tuple[int, ...]:
        """The versions there are, the newest last."""
        return tuple(sorted(orjson.loads(self.read("versions.json"))["versions"]))

    def version(self, number: int) -> Contract:
        """Return version `number` of the contract.

        Raises:
            ValueError: there is no such version.
        """
        if number not in self.versions:
            raise ValueError(f"no version {number} of the contract; known: {self.versions}")
        if number not in self._known:
            self._known[number] = Contract(number, lambda name: self.read(f"v{number}/{name}"))
        return self._known[number]


def _packaged(name: str) -> bytes:
    # importlib.resources does the same, and its import alone costs a quarter of the
    # whole start (measured in benchmarks/).
    data = pkgutil.get_data("sftc_schemas", name)
    if data is None:
        raise FileNotFoundError(f"sftc_schemas/{name}")
    return data


PACKAGED: Final = Contracts(_packaged)
"""The versions that come with this release."""

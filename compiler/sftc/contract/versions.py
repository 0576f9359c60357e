"""The versions of the contract; the only reader of `sftc_schemas`."""

import pkgutil
import tomllib
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson

from sftc.contract import mapping_table
from sftc.contract.acceptance import Predicate, predicate
from sftc.contract.schemas import Schema, Schemas
from sftc.text.keys import ABSENT, Path, dotted, look_up, split

SELECTOR: Final = "schema_version"
ROW: Final = "dataset/row.schema.json"
TARGET: Final = "targets/sft-offline"

Read = Callable[[str], bytes]


class CertainRefusal(NamedTuple):
    """A certain refusal of the service: a job without the key at `path` gets the error `code`."""

    code: str
    path: tuple[str, ...]


class Contract:
    """One version: the schemas of its configs, and how they become the payload of its target."""

    def __init__(self, version: int, read: Read, schemas: Schemas) -> None:
        """Take the version, `read`, which returns the bytes of a file by its path, and all schemas."""
        self.version = version
        self.schemas = schemas
        self._read = read
        self._folder = f"config/v{version}"
        self.config_schema = f"{self._folder}/config.schema.json"
        self.payload_schema = f"{TARGET}/v{version}/payload.schema.json"
        self.properties: Mapping[Path, Schema] = schemas.properties(self.config_schema)
        mapping = read(f"{TARGET}/v{version}/mapping.toml").decode()
        self.mapping = mapping_table.load_mapping(mapping, self.properties)

    @cached_property
    def sections(self) -> tuple[Path, ...]:
        """The TOML sections that have a schema of their own."""
        return tuple(path for path in self.properties if self.section_schema(path) in self.schemas.names)

    def section_schema(self, section: Path) -> str:
        """Return the path of the schema of a section."""
        return f"{self._folder}/{dotted(section)}.schema.json"

    @cached_property
    def templates(self) -> Mapping[str, Mapping[str, Any]]:
        """The templates of `sftc init` by name: what each is for, and its values."""
        return tomllib.loads(self._read(f"{self._folder}/templates.toml").decode())

    @cached_property
    def refusals(self) -> tuple[CertainRefusal, ...]:
        """The certain refusals of the target's service."""
        target = tomllib.loads(self._read(f"{TARGET}/target.toml").decode())
        return tuple(CertainRefusal(each["code"], split(each["key"])) for each in target["refusal"])

    def example(self, path: Path) -> str:
        """Return the first example of the key at `path`, as TOML writes it."""
        return orjson.dumps(self.properties[path]["examples"][0]).decode()

    def bundle(self, name: str) -> bytes:
        """Return the schema in file `name` as one file with local references only."""
        return orjson.dumps(self.schemas.bundle(name), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @cached_property
    def homes(self) -> Mapping[str, list[Path]]:
        """The paths of all properties by the last part of their name, legacy ones left out."""
        homes: dict[str, list[Path]] = {}
        for path, schema in self.properties.items():
            if not schema.get("deprecated"):
                homes.setdefault(str(path[-1]), []).append(path)
        return homes

    @cached_property
    def other_names(self) -> Mapping[str, Path]:
        """The properties by the names that other trainers have for them."""
        return {
            name: path
            for path, schema in self.properties.items()
            for name in schema.get("x-sftc", {}).get("also", ())
        }

    @cached_property
    def open_tables(self) -> Mapping[Path, Collection[str]]:
        """The tables that take any key and describe some, with the names of those."""
        return {
            path: schema["properties"].keys()
            for path, schema in self.properties.items()
            if schema.get("properties") and schema.get("additionalProperties")
        }

    def names_in(self, table: Path) -> list[str]:
        """Return the names of the keys that the contract describes in `table`."""
        return [name for name, paths in self.homes.items() if any(path[:-1] == table for path in paths)]

    @cached_property
    def accepts(self) -> Predicate:
        """Whether a config's values are certainly valid."""
        return predicate(self.schemas, self.config_schema)

    @cached_property
    def accepts_payload(self) -> Predicate:
        """Whether a value is certainly a valid payload."""
        return predicate(self.schemas, self.payload_schema)


class Contracts:
    """The versions of the contract, each read on first use, and the schemas that all of them share."""

    def __init__(self, read: Read) -> None:
        """Take `read`, which returns the bytes of a file of the contract, by its path."""
        self.read = read
        self.schemas = Schemas(read)
        self._known: dict[int, Contract] = {}

    @cached_property
    def versions(self) -> tuple[int, ...]:
        """The versions there are, the newest last."""
        return tuple(sorted(orjson.loads(self.read("config/versions.json"))["versions"]))

    @property
    def newest(self) -> Contract:
        """The newest version."""
        return self.version(self.versions[-1])

    def version(self, number: int) -> Contract:
        """Return version `number` of the contract.

        Raises:
            ValueError: the version does not exist.
        """
        if number not in self.versions:
            raise ValueError(f"no version {number} of the contract; known: {self.versions}")
        if number not in self._known:
            self._known[number] = Contract(number, self.read, self.schemas)
        return self._known[number]

    def of_payload(self, payload: Any) -> Contract:
        """Return the version of `payload`: `metadata.schema_version`, or 1 if the payload has none.

        Raises:
            ValueError: the version is not known.
        """
        number = look_up(payload, ("metadata", SELECTOR))
        if number is ABSENT:
            return self.version(self.versions[0])
        if type(number) is not int or number not in self.versions:
            known = ", ".join(map(str, self.versions))
            raise ValueError(f"metadata.{SELECTOR} is {number!r}; known versions: {known}")
        return self.version(number)

    @cached_property
    def accepts_row(self) -> Predicate:
        """Whether a value is certainly a valid row of a training file."""
        return predicate(self.schemas, ROW)


def _packaged(name: str) -> bytes:
    # importlib.resources does the same, but its import costs a quarter of the whole start
    # (measured in benchmarks/).
    data = pkgutil.get_data("sftc_schemas", name)
    if data is None:
        raise FileNotFoundError(f"sftc_schemas/{name}")
    return data


PACKAGED: Final = Contracts(_packaged)
"""The versions that come with this release."""

"""The versions of the contract; the only reader of `sftc_schemas`."""

import pkgutil
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson

from sftc.contract.acceptance import Predicate, predicate, schema_predicate
from sftc.contract.mapping_table import MappingTable, load_mapping
from sftc.contract.names import Names
from sftc.contract.operations import sent
from sftc.contract.schemas import Schema, Schemas
from sftc.contract.targets import DEFAULT, FOLDER, RUN, Read, Target
from sftc.contract.upgrade import NO_UPGRADE, Upgrade, Upgraded, load_upgrade
from sftc.text.keys import ABSENT, Path, look_up, split

SELECTOR: Final = "schema_version"
EXTENDS: Final = "extends"
"""The key that names a config whose values count where the config has none."""

ROW: Final = "dataset/row.schema.json"
TARGET: Final = f"{FOLDER}/{DEFAULT}"


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

    @cached_property
    def properties(self) -> Mapping[Path, Schema]:
        """The schema of every key and table."""
        return self.schemas.properties(self.config_schema)

    @cached_property
    def target(self) -> Target:
        """The target of this version, if no other is named."""
        return Target(DEFAULT, f"{TARGET}/v{self.version}", self, self._read, own_version=True)

    @property
    def mapping(self) -> MappingTable:
        """The table of what that target sends."""
        return self.target.mapping

    @cached_property
    def run_table(self) -> MappingTable:
        """The table of what a config means; see `run`."""
        return load_mapping(self._read(f"{self._folder}/run.toml").decode(), self.properties)

    def run(self, upgraded: Upgraded) -> Upgraded:
        """Return the values of a config with those of the run that they mean, under `run`, none left open.

        A row of `run.toml` sees the values of those before it. Each setting has the place of the key
        that decides it.
        """
        run: dict[str, Any] = {}
        values, places = {**upgraded.values, RUN: run}, dict(upgraded.places)
        known = Upgraded(values, places, upgraded.conflicts)
        for row, value in sent(self.run_table, values):
            run[row.to[-1]] = value
            paths = [known.place(path) for path in row.reads]
            decider = next((path for path in paths if look_up(values, path) is not ABSENT), paths[0])
            places[RUN, row.to[-1]] = (decider,)
        return known

    @cached_property
    def upgrade(self) -> Upgrade:
        """How a config of the version before becomes one of this version."""
        if self.version == 1:
            return NO_UPGRADE
        return load_upgrade(self._read(f"{self._folder}/upgrade.toml").decode())

    @cached_property
    def sections(self) -> Mapping[Path, str]:
        """The TOML sections that have a schema of their own, and the path of that schema."""
        return self.schemas.sections(self.config_schema)

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
        """Return the schema in file `name` as one file with local references only.

        In that of a config, which is for one file, nothing is required that a file it extends may have.
        """
        schema = self.schemas.bundle(name)
        if name == self.config_schema and (EXTENDS,) in self.properties:
            schema = self._of_one_file(schema)
        return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def _of_one_file(self, schema: Schema) -> Schema:
        """Return the bundled schema of a config in which a file that extends another requires nothing."""
        needed = [name for name in schema["required"] if name != SELECTOR]
        inner = {name: self.properties[(name,)].get("required", []) for name in needed}
        complete = {**_requiring(needed), "properties": {name: _requiring(inner[name]) for name in needed}}
        definitions = {
            name: {word: part for word, part in each.items() if name not in inner or word != "required"}
            for name, each in schema["definitions"].items()
        }
        # Without `allOf`, tombi takes the keys for unknown ones.
        either = {"if": _requiring([EXTENDS]), "else": complete}
        return {**schema, "required": [SELECTOR], "allOf": [either], "definitions": definitions}

    @cached_property
    def names(self) -> Names:
        """The keys by the names that people write for them."""
        return Names(self.properties)

    @cached_property
    def distinct(self) -> frozenset[Path]:
        """The keys that only tell runs apart: each run has a value of its own, such as a name."""
        properties = self.properties.items()
        return frozenset(path for path, schema in properties if schema.get("x-sftc", {}).get("distinct"))

    def is_sent(self, path: Path) -> bool:
        """Return whether the key at `path` goes into the payload, by itself or in its table."""
        return any(path[:length] in self._sent for length in range(1, len(path) + 1))

    @cached_property
    def _sent(self) -> frozenset[Path]:
        return frozenset(row.path for row in self.mapping.rows)

    @cached_property
    def forwarded(self) -> Mapping[Path, Collection[str]]:
        """The tables that are sent with any key in them, and the names of those that they describe."""
        return {
            path: {*schema.get("properties", ()), *schema.get("x-sftc", {}).get("known", ())}
            for path, schema in self.properties.items()
            if "$ref" in (schema.get("additionalProperties") or ()) and self.is_sent(path)
        }

    def mirrored(self, table: Path) -> Path | None:
        """Return the section whose keys a forwarded table may repeat, if there is one."""
        section = self.properties[table].get("x-sftc", {}).get("mirrors")
        return split(section) if section else None

    def allows(self, path: Path, value: Any) -> bool:
        """Return whether the schema of the key at `path` certainly allows `value`."""
        schema = self.properties[path]
        if schema.get("type") == "object" and not isinstance(value, dict):
            return False  # also of a table whose schema refers to another file, by a name relative to its own
        return schema_predicate(self.schemas, schema)(value)

    @cached_property
    def accepts(self) -> Predicate:
        """Whether a config's values are certainly valid."""
        return predicate(self.schemas, self.config_schema)


def _requiring(names: Sequence[str]) -> Schema:
    """Return a schema of tables with certain keys, as strict readers of schemas require it."""
    return {"type": "object", "properties": {name: {} for name in names}, "required": [*names]}


class Contracts:
    """The versions of the contract, each read on first use, and the schemas that all of them share."""

    def __init__(self, read: Read, folders: Callable[[str], Sequence[str]] = lambda _: ()) -> None:
        """Take `read`, which returns the bytes of a file of the contract, by its path.

        `folders` returns the names of the folders in a folder.
        """
        self.read = read
        self.schemas = Schemas(read)
        self._folders = folders
        self._known: dict[int, Contract] = {}
        self._targets: dict[str, Target] = {}

    def target_in(self, folder: str) -> Target:
        """Return the target in a folder outside the package; its name is that of the folder.

        References of its payload's schema are those of a target within the package.
        """
        import os

        name = os.path.basename(os.path.abspath(folder))
        home = f"{FOLDER}/{name}/"

        def read(path: str) -> bytes:
            if not path.startswith(home):
                return self.read(path)
            with open(os.path.join(folder, path.removeprefix(home)), "rb") as file:
                return file.read()

        return Contracts(read, lambda _: [name]).target(name)

    @cached_property
    def target_names(self) -> tuple[str, ...]:
        """The names of all targets, the default one first."""
        return (DEFAULT, *(name for name in sorted(self._folders(FOLDER)) if name != DEFAULT))

    def target(self, name: str) -> Target:
        """Return the target of that name, for configs of the newest version.

        Raises:
            ValueError: there is none.
        """
        if name == DEFAULT:
            return self.newest.target
        if name not in self._targets:
            if name not in self.target_names:
                raise ValueError(f"no target {name!r}; known: {', '.join(self.target_names)}")
            self._targets[name] = Target(name, f"{FOLDER}/{name}", self.newest, self.read)
        return self._targets[name]

    @cached_property
    def versions(self) -> tuple[int, ...]:
        """The versions there are, the newest last."""
        return tuple(self._listed["versions"])

    @property
    def default(self) -> Contract:
        """The version of a config that does not name one: every config in the wild means version 1."""
        return self.version(self._listed["default"])

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

    def upgraded(self, values: Mapping[str, Any], version: int) -> Upgraded:
        """Return the values of a config of `version` in the terms of the newest version.

        Keys that this version did not know are left out of it; see `Upgrade.apply`.
        """
        known = Upgraded(values, {}, ())
        for number in self.versions[self.versions.index(version) :]:
            upgrade = self.version(number).upgrade
            if not upgrade.choices:
                continue
            step = upgrade.apply(known.values, is_older=number > version)
            places = {
                path: tuple(old for each in made_of for old in known.places.get(each, (each,)))
                for path, made_of in step.places.items()
            }
            known = Upgraded(step.values, {**known.places, **places}, (*known.conflicts, *step.conflicts))
        return known

    @cached_property
    def _listed(self) -> dict[str, Any]:
        listed: dict[str, Any] = orjson.loads(self.read("config/versions.json"))
        return listed

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


def _packaged_folders(name: str) -> list[str]:
    import os
    from importlib.util import find_spec

    package = find_spec("sftc_schemas")
    [root] = (package and package.submodule_search_locations) or [""]
    with os.scandir(os.path.join(root, name)) as found:
        return [each.name for each in found if each.is_dir() and not each.name.startswith(("_", "."))]


PACKAGED: Final = Contracts(_packaged, _packaged_folders)
"""The versions that come with this release."""

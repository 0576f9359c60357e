"""A config as rules read it: a document, its contract, and the one accessor for keys by name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from sftc.contract.schemas import Schema
from sftc.contract.targets import Target
from sftc.contract.upgrade import Upgraded
from sftc.contract.versions import Contract, Contracts
from sftc.document.toml import Document
from sftc.text.keys import ABSENT, Path, dotted, look_up, split
from sftc.text.source import Span

_T = TypeVar("_T")


class Setting(Generic[_T]):
    """A key that a rule reads, declared at the top of the rule's module: dotted, with its types.

    It is a key of the newest contract, whichever version a config is of. A test holds every
    declared setting against that contract, so a renamed key fails there. At a person's desk a key
    that the contract lacks is one that no config sets. `path` are the parts of the key, and `name`
    is the last of them.
    """

    def __init__(self, key: str, *kinds: type[_T]) -> None:
        self.key = key
        self.kinds = kinds
        self.path = split(key)
        self.name = self.path[-1]

    def fits(self, value: Any) -> bool:
        """Return whether `value` is of one of the types; a float may be written as an integer."""
        return type(value) in self.kinds or (float in self.kinds and type(value) is int)


class Config:
    """A document, the contract that says what its keys mean, and its settings.

    `document` and `contract` are what the person wrote, in the version that they wrote it for.
    Settings are read in the terms of the newest version, and point to the text of the person. `targets`
    are those that it is checked for: by default, the payload of its own version.
    """

    def __init__(
        self, document: Document, contract: Contract, contracts: Contracts, targets: Sequence[Target] = ()
    ) -> None:
        self.document = document
        self.targets = tuple(contract.target if each.is_default else each for each in targets) or (
            contract.target,
        )
        self.contract = contract
        self.newest = contracts.newest
        self.contracts = contracts

    @cached_property
    def own(self) -> Upgraded:
        """The values in the terms of the config's own version: legacy keys are read as what replaces them."""
        return self.contract.upgrade.apply(self.document.values, is_older=False)

    @cached_property
    def current(self) -> Upgraded:
        """The values in the terms of the newest version."""
        return self.contracts.upgraded(self.document.values, self.contract.version)

    @cached_property
    def meant(self) -> Upgraded:
        """The values in the terms of the newest version, and the settings of the run that they mean.

        Keys that the version of the config does not know, and values that their schemas do not allow, are
        left out: they mean nothing in it.
        """
        values = _known(self.current.values, (), self.contract.properties)
        if not self.contract.accepts(self.document.values):
            values = _allowed(values, (), self.newest)
        return self.newest.run(self.current._replace(values=values))

    def values_for(self, target: Target) -> Upgraded:
        """Return the values that the table of a target reads."""
        return self.own if target.own_version else self.meant

    @cached_property
    def _settings(self) -> dict[Path, Any]:
        """The values in the terms of the newest version, of known keys and tables, by path."""
        values = self.current.values
        settings = dict(_known_settings(values, (), self.contract.properties))
        for path in self.current.places:
            if (value := look_up(values, path)) is not ABSENT:
                settings[path] = value
        return settings

    @cached_property
    def strings(self) -> list[tuple[Path, str]]:
        """Every string of the config as it is written, with its path."""
        return list(_strings(self.document.values, ()))

    @property
    def is_older(self) -> bool:
        """Whether the config is of a version before the newest."""
        return self.contract is not self.newest

    def given(self, setting: Setting[_T]) -> _T | None:
        """Return the value that the config sets, if it is of the setting's type."""
        value = self._settings.get(setting.path)
        return value if setting.fits(value) else None

    def effective(self, setting: Setting[_T]) -> _T | None:
        """Return the value that the config sets, else the contract's default; of the setting's type."""
        if self.is_set(setting):
            return self.given(setting)
        for contract in (self.contract, self.newest):
            default = contract.properties.get(setting.path, {}).get("default")
            if setting.fits(default):
                return default
        return None

    def is_set(self, setting: Setting[Any]) -> bool:
        """Return whether the config sets the key, to a value of any type."""
        return setting.path in self._settings

    def place(self, setting: Setting[Any]) -> Path:
        """Return the key of the config as it is written that decides the setting."""
        return self.current.place(setting.path)

    def key(self, setting: Setting[Any]) -> str:
        """Return that key, dotted: what messages call the setting."""
        return dotted(self.place(setting))

    def span(self, setting: Setting[Any], part: Literal["key", "value"] = "value") -> Span:
        """Return where the key or its value is; of an absent key, the nearest table around it."""
        return self.document.span(self.place(setting), part)

    def snippet(self, setting: Setting[Any]) -> str:
        """Return the value as it is written, shortened to a few words."""
        return self.document.snippet(self.place(setting))


def _known_settings(
    table: Mapping[str, Any], path: Path, known: Collection[Path]
) -> Iterator[tuple[Path, Any]]:
    for name, value in table.items():
        inner = (*path, name)
        if inner in known:
            yield inner, value
            if isinstance(value, dict):
                yield from _known_settings(value, inner, known)


def _known(table: Mapping[str, Any], path: Path, properties: Mapping[Path, Schema]) -> dict[str, Any]:
    """Return `table` without the keys that are not in `properties`; an open table keeps them."""
    known = {}
    for name, value in table.items():
        schema = properties.get((*path, name), {})
        if schema and isinstance(value, dict) and schema.get("additionalProperties") is False:
            known[name] = _known(value, (*path, name), properties)
        elif schema:
            known[name] = value
    return known


def _allowed(table: Mapping[str, Any], path: Path, contract: Contract) -> dict[str, Any]:
    """Return `table` without the values that their schemas do not allow."""
    allowed = {}
    for name, value in table.items():
        inner = (*path, name)
        is_table = contract.properties.get(inner, {}).get("type") == "object"
        if is_table and isinstance(value, dict):
            allowed[name] = _allowed(value, inner, contract)
        elif inner not in contract.properties or (not is_table and contract.allows(inner, value)):
            allowed[name] = value
    return allowed


def _strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for part, child in children:
        if isinstance(child, str):
            yield (*path, part), child
        elif isinstance(child, dict | list):
            yield from _strings(child, (*path, part))

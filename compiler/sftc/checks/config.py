"""A config as rules read it: a document, its contract, and the one accessor for keys by name."""

from typing import Any, Generic, Literal, NamedTuple, TypeVar

from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.text.keys import ABSENT, split
from sftc.text.source import Span

_T = TypeVar("_T")


class Setting(Generic[_T]):
    """A key that a rule reads, declared at the top of the rule's module: dotted, with its type.

    A test holds every declared setting against the newest contract, so a renamed key fails
    there. At a person's desk a key that the contract lacks is one that no config sets. `path`
    are the parts of the key, and `name` is the last of them.
    """

    def __init__(self, key: str, kind: type[_T]) -> None:
        self.key = key
        self.kind = kind
        self.path = split(key)
        self.name = self.path[-1]


class Config(NamedTuple):
    """A document and the contract that says what its keys mean."""

    document: Document
    contract: Contract

    def given(self, setting: Setting[_T]) -> _T | None:
        """Return the value that the config sets, if it is of the setting's type.

        A float may be written as an integer; nothing else is converted.
        """
        value = self._raw(setting)
        fits = type(value) is setting.kind or (setting.kind is float and type(value) is int)
        return value if fits else None

    def effective(self, setting: Setting[_T]) -> _T | None:
        """Return the value that the config sets, else the contract's default; of the setting's type."""
        if self.is_set(setting):
            return self.given(setting)
        default = self.contract.properties.get(setting.path, {}).get("default")
        return default if type(default) is setting.kind else None

    def is_set(self, setting: Setting[Any]) -> bool:
        """Return whether the config sets the key, to a value of any type."""
        return self._raw(setting) is not ABSENT

    def span(self, setting: Setting[Any], part: Literal["key", "value"] = "value") -> Span:
        """Return where the key or its value is; of an absent key, the nearest table around it."""
        return self.document.span(setting.path, part)

    def snippet(self, setting: Setting[Any]) -> str:
        """Return the value as it is written, shortened to a few words."""
        return self.document.snippet(setting.path)

    def _raw(self, setting: Setting[Any]) -> Any:
        return self.document.get(setting.path) if setting.path in self.contract.properties else ABSENT

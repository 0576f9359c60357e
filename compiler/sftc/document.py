"""A parsed config: its values, and where in the text each key of it stands."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sftc.overrides import Override
from sftc.text.keys import Path, look_up, split
from sftc.text.source import Source, Span

if TYPE_CHECKING:
    from sftc.places import Place, Scanner

_T = TypeVar("_T")
_SHOWN = 40


class Document:
    """A parsed config: its values, with overrides applied, and where they come from."""

    def __init__(self, source: Source, values: dict[str, Any], overrides: Sequence[Override]) -> None:
        self.source = source
        self.values = values
        self.overrides = overrides

    def get(self, path: Path) -> Any:
        """Return the value at `path`, or `ABSENT`."""
        return look_up(self.values, path)

    def value(self, key: str, kind: type[_T]) -> _T | None:
        """Return the value at the dotted `key` if it is there and of exactly that type."""
        found = self.get(split(key))
        return found if type(found) is kind else None

    def override(self, path: Path) -> Override | None:
        """Return the override that `path` comes from, if one set it, or a table around it."""
        matches = (o for o in reversed(self.overrides) if path[: len(o.path)] == o.path)
        return next(matches, None)

    def span(self, path: Path, part: Literal["key", "value"] = "value") -> Span:
        """Return where the key or the value at `path` stands.

        A table that is written as a header stands at its key. For a path that is not
        in the config it is the nearest table around it, and the start of the file
        where there is none.
        """
        override = self.override(path)
        if override:
            return override.key_span() if part == "key" else override.value_span()
        place = self._places.get(path)
        if place:
            return self.source.span(*(place.key if part == "key" or not place.value else place.value))
        for override in self.overrides:
            if path and override.path[: len(path)] == path:
                return override.key_span()
        return self.span(path[:-1], "key") if path else self.source.span(0, 0)

    def snippet(self, path: Path) -> str:
        """Return the value at `path` as it is written, shortened to a few words."""
        text = " ".join(self.span(path).text.split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

    @property
    def _places(self) -> "dict[Path, Place]":
        return self.scan.places

    @cached_property
    def scan(self) -> "Scanner":
        """Where keys, values and comments of the file stand."""
        from sftc.places import Scanner

        return Scanner(self.source.text)

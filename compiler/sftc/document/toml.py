"""Text to a document: TOML parsed, flags applied, and where in the text each key is."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sftc.document.overrides import Override
from sftc.findings.finding import ConfigError, Edit, Finding, Fix
from sftc.findings.stage_rules.files import BYTE_ORDER_MARK
from sftc.findings.stage_rules.syntax import NESTING_TOO_DEEP, OVERRIDE_CONFLICT
from sftc.text.keys import ABSENT, MAX_DEPTH, Path, dotted, look_up
from sftc.text.source import Source, Span

if TYPE_CHECKING:
    from sftc.document.places import Scanner

_SHOWN = 40
_BRACKET = re.compile(r"[\[\]{}]")


class Document:
    """A parsed config: its values, with overrides applied, and their positions in the text.

    If it extends another config, `base` is that one, and `values` has its values as well.
    """

    def __init__(
        self,
        source: Source,
        values: dict[str, Any],
        overrides: Sequence[Override],
        base: "Document | None" = None,
    ) -> None:
        self.source = source
        self.values = values
        self.overrides = overrides
        self.base = base

    @property
    def chain(self) -> "list[Document]":
        """This document and those that it extends, each before its base."""
        return [self, *(self.base.chain if self.base else ())]

    def get(self, path: Path) -> Any:
        """Return the value at `path`, or `ABSENT`."""
        return look_up(self.values, path)

    def sets(self, path: Path) -> bool:
        """Return whether the file or an override sets the key or table at `path`, and not only the base."""
        return self.get(path) is not ABSENT and (path in self.scan.places or self.span(path).source.is_flag)

    def override(self, path: Path) -> Override | None:
        """Return the override that set `path` or a table around it, if one did."""
        matches = (o for o in reversed(self.overrides) if path[: len(o.path)] == o.path)
        return next(matches, None)

    def span(self, path: Path, part: Literal["key", "value"] = "value") -> Span:
        """Return the span of the key or the value at `path`.

        A table that is written as a header has the span of its key. A path that is not in
        the config has the span of the nearest table around it, or the start of the file. An inherited
        key is in the file of the base.
        """
        override = self.override(path)
        if override:
            return override.key_span() if part == "key" else override.value_span()
        place = self.scan.places.get(path)
        if place:
            return self.source.span(*(place.key if part == "key" or not place.value else place.value))
        if self.base and path and ABSENT not in (self.get(path), self.base.get(path)):
            return self.base.span(path, part)
        for override in self.overrides:
            if path and override.path[: len(path)] == path:
                return override.key_span()
        return self.span(path[:-1], "key") if path else self.source.span(0, 0)

    def snippet(self, path: Path) -> str:
        """Return the value at `path` as it is written, shortened to a few words."""
        text = " ".join(self.span(path).text.split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

    @cached_property
    def scan(self) -> "Scanner":
        """The positions of keys, values and comments in the file."""
        from sftc.document.places import Scanner

        return Scanner(self.source.text)


def parse(source: Source, overrides: Iterable[Override] = ()) -> Document:
    """Parse `source` as TOML and set `overrides` over its values, the last one winning.

    Raises:
        ConfigError: the text begins with a byte order mark, is not TOML, defines a key
            twice or nests more than 64 levels deep, or an override sets a key inside
            a value that is not a table.
    """
    if source.text.startswith("\ufeff"):
        raise ConfigError([_byte_order_mark(source)])
    if _may_nest_deep(source.text):
        _scan(source)
    try:
        values = tomllib.loads(source.text)
    except ValueError as error:
        from sftc.document.syntax_errors import explain_syntax_error

        raise ConfigError(explain_syntax_error(source, _scan(source), error)) from None
    if _is_deeper(values, MAX_DEPTH):
        _scan(source)
    return overridden(Document(source, values, ()), overrides)


def overridden(document: Document, overrides: Iterable[Override]) -> Document:
    """Set `overrides` over the values of a document that has none, the last one winning.

    Raises:
        ConfigError: an override sets a key inside a value that is not a table, or nests too deep.
    """
    values, overrides = document.values, tuple(overrides)
    if conflicts := [found for override in overrides for found in _apply(override, values)]:
        raise ConfigError(conflicts)
    return Document(document.source, values, overrides, document.base)


def _apply(override: Override, values: dict[str, Any]) -> Iterator[Finding]:
    left = MAX_DEPTH - len(override.path)
    if left < 0 or _is_deeper(override.value, left):
        yield _too_deep(override.value_span())
        return
    *parents, name = override.path
    table: Any = values
    for depth, parent in enumerate(parents, 1):
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            at = dotted(override.path[:depth])
            message = f"`{at}` is not a table in the config, so `{dotted(override.path)}` cannot be set"
            yield OVERRIDE_CONFLICT.finding(override.key_span(), message, path=override.path)
            return
    table[name] = deepcopy(override.value)


# Depth is checked before parsing: the parser recurses, and ten thousand levels are costly.


def _may_nest_deep(text: str) -> bool:
    """Return whether the text may nest too deep: brackets in strings and comments count as well."""
    if text.count("[") + text.count("{") > MAX_DEPTH:
        depth = 0
        for bracket in _BRACKET.findall(text):
            depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
            if depth > MAX_DEPTH:
                return True
    return any(line.count(".") >= MAX_DEPTH for line in text.split("\n"))


def _is_deeper(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(children) and (levels == 0 or any(_is_deeper(child, levels - 1) for child in children))


def _scan(source: Source) -> "Scanner":
    from sftc.document.places import Scanner, TooDeep

    try:
        return Scanner(source.text)
    except TooDeep as error:
        raise ConfigError([_too_deep(source.span(error.at, error.at + 1))]) from None


def _too_deep(span: Span) -> Finding:
    message = f"values are nested more than {MAX_DEPTH} levels deep"
    return NESTING_TOO_DEEP.finding(span, message, help="flatten the value")


def _byte_order_mark(source: Source) -> Finding:
    mark = source.span(0, 1)
    fix = Fix("remove the byte order mark", (Edit(mark, ""),), safe=True)
    message = "the file begins with a byte order mark, which TOML does not allow"
    return BYTE_ORDER_MARK.finding(mark, message, help="save it as UTF-8 without one", fix=fix)

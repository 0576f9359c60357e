"""Text to a document: TOML parsed, and flags applied."""

import tomllib
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from sftc.document import Document
from sftc.findings.finding import ConfigError, Edit, Finding, Fix
from sftc.findings.rules.files import BYTE_ORDER_MARK
from sftc.findings.rules.syntax import NESTING_TOO_DEEP, OVERRIDE_CONFLICT
from sftc.overrides import Override
from sftc.text.keys import MAX_DEPTH, dotted
from sftc.text.source import Source, Span


def parse(source: Source, overrides: Iterable[Override] = ()) -> Document:
    """Parse `source` as TOML and set `overrides` over its values, the last one winning.

    Raises:
        ConfigError: the text begins with a byte order mark, is not TOML, defines a key
            twice or nests over 64 levels deep, or an override sets a key inside
            something that is no table.
    """
    if source.text.startswith("\ufeff"):
        raise ConfigError([_byte_order_mark(source)])
    if _may_nest_deep(source.text):
        _refuse_depth(source)
    try:
        values = tomllib.loads(source.text)
    except ValueError as error:
        from sftc.syntax import explain

        _refuse_depth(source)
        raise ConfigError(explain(source, error)) from None
    if _is_deeper(values, MAX_DEPTH):
        _refuse_depth(source)
    overrides = tuple(overrides)
    if conflicts := [found for override in overrides for found in _apply(override, values)]:
        raise ConfigError(conflicts)
    return Document(source, values, overrides)


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
            message = f"`{at}` is no table in the config, so `{dotted(override.path)}` cannot be set"
            yield OVERRIDE_CONFLICT.finding(override.key_span(), message, path=override.path)
            return
    table[name] = deepcopy(override.value)


# What the parser recurses into is counted before it is parsed: the cost of ten
# thousand levels is the very thing to be spared.


def _may_nest_deep(text: str) -> bool:
    brackets = text.count("[") + text.count("{")
    return brackets > MAX_DEPTH or any(line.count(".") >= MAX_DEPTH for line in text.split("\n"))


def _is_deeper(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(children) and (levels == 0 or any(_is_deeper(child, levels - 1) for child in children))


def _refuse_depth(source: Source) -> None:
    from sftc.places import Scanner, TooDeep

    try:
        Scanner(source.text)
    except TooDeep as error:
        raise ConfigError([_too_deep(source.span(error.at, error.at + 1))]) from None


def _too_deep(span: Span) -> Finding:
    message = f"values are nested over {MAX_DEPTH} levels deep"
    return NESTING_TOO_DEEP.finding(span, message, help="flatten the value")


def _byte_order_mark(source: Source) -> Finding:
    mark = source.span(0, 1)
    fix = Fix("remove the byte order mark", (Edit(mark, ""),), safe=True)
    message = "the file begins with a byte order mark, which TOML does not allow"
    return BYTE_ORDER_MARK.finding(mark, message, help="save it as UTF-8 without one", fix=fix)

"""Hover: what a key means, what becomes of it, and the values of the payload that it decides."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from sftc.contract.schemas import Schema
from sftc.editor.open_config import OpenConfig
from sftc.payload.origins import Origin
from sftc.text.characters import visible
from sftc.text.keys import Path, dotted
from sftc.text.source import Span
from sftc.tools.explain import KeyAccount, ValueAccount

_SHOWN = 12
_FATES = {
    "submission": "Read by submission only: it is not in the payload.",
    "compiler": "Read by the compiler only: it is not in the payload.",
    "dropped": "Not in the payload.",
}


class Hover(NamedTuple):
    """A text in Markdown about the characters of `span`."""

    span: Span
    text: str


def hover(config: OpenConfig, offset: int) -> Hover | None:
    """Return what there is to say about the key or table at `offset`; `None` if there is none."""
    found = path_at(config, offset)
    if not found:
        return None
    path, span = found
    schema = schema_of(config, path)
    parts = [*_about(path, schema), *_fate(config, path), *_values(config, path)]
    return Hover(span, "\n\n".join(parts)) if schema or parts[1:] else None


def path_at(config: OpenConfig, offset: int) -> tuple[Path, Span] | None:
    """Return the path of the key at `offset`, or of the innermost value around it, and the span of that."""
    found: list[tuple[int, Path, tuple[int, int]]] = []
    for path, place in config.places.items():
        for start, end in filter(None, (place.key, place.value)):
            if start <= offset <= end:
                found.append((end - start, path, (start, end)))
    if not found:
        return None
    _, path, span = min(found)
    return path, config.source.span(*span)


def schema_of(config: OpenConfig, path: Path) -> Schema | None:
    """Return the schema of the key at `path`; of an item of an array, that of its key."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return config.contract.properties.get(path)


def _about(path: Path, schema: Schema | None) -> Iterator[str]:
    title = f"**`{dotted(path)}`**"
    if not schema:
        yield title
        return
    yield f"{title}: {schema['title']}" if schema["title"] != f"[{dotted(path)}]" else title
    yield str(schema["description"])
    if facts := "; ".join(_facts(schema)):
        yield facts[:1].upper() + facts[1:] + "."


def _facts(schema: Schema) -> Iterator[str]:
    if schema.get("deprecated"):
        instead = schema.get("x-sftc", {}).get("instead")
        yield f"**deprecated**{f': {instead}' if instead else ''}"
    if "enum" in schema:
        yield f"one of {', '.join(map(code, schema['enum']))}"
    if "default" in schema:
        yield f"default {code(schema['default'])}"


def _fate(config: OpenConfig, path: Path) -> Iterator[str]:
    account = config.keys.get(path)
    if account and account.to:
        why = f" {account.why}" if account.why else ""
        yield f"Payload (`{config.choices.target.name}`): `{account.to}`.{why}"
    elif account:
        yield f"{_FATES[account.fate]} {account.why or ''}".rstrip()


def _values(config: OpenConfig, path: Path) -> Iterator[str]:
    """Yield a list of the payload's values that the key, or a key of the table, decides."""
    found = [each for each in config.values.values() if _is_about(each, config.keys.get(path), path)]
    if not found:
        return
    lines = [f"- `{each.at}` = {code(each.value)}, {_from(config, each.origin)}" for each in found[:_SHOWN]]
    if more := len(found) - len(lines):
        lines.append(f"- and {more} more")
    yield "In effect:\n\n" + "\n".join(lines)


def _is_about(value: ValueAccount, account: KeyAccount | None, path: Path) -> bool:
    decided = value.origin.path is not None and value.origin.path[: len(path)] == path
    return decided or (account is not None and account.to == value.at)


def _from(config: OpenConfig, origin: Origin) -> str:
    """Return where a value comes from, as words; its line is that of the text as it is now.

    A value of a config that this one extends is in a line of that file.
    """
    if origin.span is None or origin.path is None:
        return "the default" if origin.kind == "default" else "a constant"
    if origin.span.source.depth:
        place = f" in line {origin.span.line} of {code(os.path.basename(origin.span.source.name))}"
    else:
        now = config.moved(origin.span)
        place = f" in line {now.line}" if now else ", before the last change"
    return f"from `{dotted(origin.path)}`{place}"


def code(value: Any) -> str:
    """Return a value as JSON, in Markdown, shortened."""
    text = visible(orjson.dumps(value, default=str).decode())
    text = text if len(text) <= 200 else text[:200] + "…"
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"

"""Completion: tables, keys and values that the schemas know, and names that only this machine knows."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple

from sftc.checks.rules.data import DATA, DATA_PATH, GPU_TYPE, VALIDATION_PATH
from sftc.checks.rules.lora import SAVED, TARGETS
from sftc.checks.rules.model import MODEL
from sftc.contract.schemas import Schema
from sftc.editor.cursor import Cursor, cursor_at
from sftc.editor.open_config import OpenConfig
from sftc.text.keys import Path, dotted, quoted
from sftc.text.source import Span

Kind = Literal["table", "key", "value", "name", "file", "folder"]

_ROWS: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst")
_MOST: Final = 500
_HEADER_END: Final = re.compile(r"[ \t]*\]")
_AHEAD: Final = re.compile(r"[ \t]*[^\s#]")
"""What a key is written before."""


class Completion(NamedTuple):
    """What may be written in place of the characters of `span`.

    `label` is what a list shows, `text` what is written, `about` an explanation in Markdown.
    """

    kind: Kind
    label: str
    text: str
    span: Span
    about: str = ""


def complete(config: OpenConfig, offset: int) -> Iterator[Completion]:
    """Yield what may be written at `offset`, in the order of the schemas."""
    cursor = cursor_at(config.source.text, offset)
    span = config.source.span(cursor.start, cursor.end)
    match cursor.part:
        case "header":
            yield from _tables(config, cursor.key, span)
        case "key":
            yield from _keys(config, cursor, span)
        case "value":
            yield from _values(config, cursor, span)


def _tables(config: OpenConfig, around: Path, span: Span) -> Iterator[Completion]:
    for path, schema in config.contract.properties.items():
        name = path[len(around) :]
        is_new = path[: len(around)] == around and name and _takes_header(config, path, span)
        if is_new and _is_table(schema) and not schema.get("deprecated"):
            yield Completion("table", dotted(name), dotted(name), span, str(schema["description"]))


def _takes_header(config: OpenConfig, path: Path, span: Span) -> bool:
    """Return whether a table has no header yet, but perhaps the one whose name is in `span`."""
    place = config.places.get(path)
    if not place or place.key[0] == span.start:
        return True
    return place.header and not _HEADER_END.match(config.source.text, place.key[1])


def _keys(config: OpenConfig, cursor: Cursor, span: Span) -> Iterator[Completion]:
    """Yield the keys that a table does not have yet; tables in it as headers, if they are alone on a line."""
    ahead = _AHEAD.match(config.source.text, span.end)
    behind = ahead.group()[-1] if ahead else ""
    for path, schema in config.contract.properties.items():
        is_written = path in config.places and config.places[path].key[0] != span.start
        if path[:-1] != cursor.key or schema.get("deprecated") or is_written:
            continue
        name, about = dotted(path[-1:]), f"{schema['title']}. {schema['description']}"
        if _is_table(schema):
            is_alone = cursor.starts_line and not behind
            yield Completion("table", name, f"[{dotted(path)}]" if is_alone else name, span, about)
        elif behind != ".":
            yield Completion("key", name, name if behind == "=" else f"{name} = ", span, about)


def _is_table(schema: Schema) -> bool:
    return "properties" in schema or schema.get("type") == "object"


def _values(config: OpenConfig, cursor: Cursor, span: Span) -> Iterator[Completion]:
    schema = config.contract.properties.get(cursor.key, {})
    takes_items = schema.get("type") == "array" or "items" in schema
    offered = schema.get("items", {}) if cursor.is_item and takes_items else schema
    seen = set[str]()
    if source := _NAMES.get(cursor.key):
        typed = cursor.typed[1:] if cursor.typed[:1] in {'"', "'"} else cursor.typed
        is_alone = schema.get("type") == "array" and not cursor.is_item
        for kind, name in source(config, typed):
            seen.add(quoted(name))
            text = f"[{quoted(name)}]" if is_alone else quoted(name)
            yield Completion(kind, name, text, span)
    for value in _known(offered):
        text = written(value)
        if text not in seen:
            seen.add(text)
            about = "The default." if value == offered.get("default") else ""
            yield Completion("value", value if isinstance(value, str) else text, text, span, about)


def _known(schema: Schema) -> Iterator[Any]:
    """Yield the values that a schema names: all that it allows, or its default and its examples."""
    if "const" in schema:
        yield schema["const"]
    elif "enum" in schema:
        yield from schema["enum"]
    elif schema.get("type") == "boolean":
        yield from (True, False)
    else:
        yield from (each for each in [schema.get("default"), *schema.get("examples", ())] if each is not None)


def written(value: Any) -> str:
    """Return a value of a schema as TOML, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return (
                f"{{ {', '.join(f'{dotted((name,))} = {written(each)}' for name, each in value.items())} }}"
            )
        case _:
            return str(value)


_Names = Iterable[tuple[Kind, str]]


def _files(config: OpenConfig, typed: str) -> _Names:
    """Yield the training files, and folders, that begin with what is typed, from the working directory."""
    folder = typed[: typed.rfind("/") + 1]
    with suppress(OSError, ValueError), os.scandir(folder or ".") as found:
        for each in sorted(found, key=lambda each: each.name)[:_MOST]:
            if each.name.startswith("."):
                continue
            if each.is_dir():
                yield "folder", f"{folder}{each.name}/"
            elif each.name.endswith(_ROWS):
                yield "file", f"{folder}{each.name}"


def _modules(config: OpenConfig, typed: str) -> _Names:
    """Yield the last parts of the names of the modules of the base model, if its files are here."""
    from sftc.tools.model_files import find_model, read_model

    known = config.parsed and config.parsed.config
    model = known and known.given(MODEL)
    folder = config.choices.model or (find_model(model) if model else None)
    if folder:
        with suppress(OSError, ValueError):
            names = {name.rpartition(".")[2] for name in read_model(folder).modules}
            yield from (("name", name) for name in sorted(names) if not name.isdigit())


def _models(config: OpenConfig, typed: str) -> _Names:
    from sftc.estimate.base_numbers import known_models

    return (("name", name) for name in known_models())


def _devices(config: OpenConfig, typed: str) -> _Names:
    from sftc.estimate.devices import device_names

    return (("name", name) for name in device_names())


_NAMES: Final[Mapping[Path, Callable[[OpenConfig, str], _Names]]] = {
    **{each.path: _files for each in (DATA, DATA_PATH, VALIDATION_PATH)},
    **{each.path: _modules for each in (TARGETS, SAVED)},
    MODEL.path: _models,
    GPU_TYPE.path: _devices,
}
"""Where the names that a key takes come from, beside its schema."""

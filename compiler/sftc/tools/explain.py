"""An account of a config: what happens to every key, and where every payload value comes from."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sftc.contract.mapping_table import MappingRow
from sftc.document.toml import Document
from sftc.payload.origins import Origin
from sftc.pipeline import Compiled
from sftc.text.keys import ABSENT, Path, dotted, leaves, parse_pointer, pointer
from sftc.text.source import Span

Fate = Literal["sent", "renamed", "used", "submission", "compiler", "dropped"]


_READERS: dict[str, Fate] = {"submission": "submission", "compiler": "compiler", "nobody": "dropped"}


_EMPTY = "It is an empty table: there is nothing in it to send."
_GATE = "If the config has this table, its settings are sent, with their defaults if necessary."


class KeyAccount(NamedTuple):
    """What happens to a TOML key.

    It is sent or renamed to the payload pointer `to`, used there together with other keys, read only
    by submission or the compiler, or dropped. `why` is the reason given by the mapping row `rule`;
    both are `None` for a key that the contract does not know.
    """

    path: Path
    span: Span
    fate: Fate
    to: str | None
    rule: str | None
    why: str | None


class ValueAccount(NamedTuple):
    """A payload value at the JSON pointer `at`, its origin, and why it is there."""

    at: str
    value: Any
    origin: Origin
    why: str


def keys(compiled: Compiled) -> Iterator[KeyAccount]:
    """Yield an account of every leaf of a config, in the order of the text; inherited ones come after."""
    config = compiled.checked
    document = config.document
    paths = list(leaves(document.values))
    spans = {path: document.span(path, "key") for path in paths}
    for path in sorted(paths, key=lambda path: _order(spans[path])):
        yield _key(path, spans[path], document, compiled)


def _order(span: Span) -> tuple[bool, int, int]:
    return span.source.is_flag, span.source.depth, span.start


def _key(path: Path, span: Span, document: Document, compiled: Compiled) -> KeyAccount:
    mapping = compiled.target.mapping
    for old, new, _ in mapping.renames:
        if path == old and document.get(new) is not ABSENT:
            why = f"`{dotted(new)}` is set too, and takes precedence."
            return KeyAccount(path, span, "dropped", None, None, why)
    for row in mapping.rows:
        if row.path and path[: len(row.path)] == row.path:
            if _is_left_out(row, path[len(row.path) :]):
                return KeyAccount(path, span, "dropped", None, None, None)
            fate: Fate = "sent" if row.path[-1] == row.to[-1] else "renamed"
            return KeyAccount(path, span, fate, pointer(row.to + path[len(row.path) :]), row.id, row.why)
    if not compiled.target.own_version and (used := _used(path, compiled)):
        return KeyAccount(path, span, "used", pointer(used.to), used.id, used.why)
    return KeyAccount(path, span, *_unsent(path, compiled))


def _is_left_out(row: MappingRow, inside: Path) -> bool:
    """Return whether a key inside of a table that a row sends is one that the table does not know."""
    tables = ((row.closed.get(inside[:depth]), inside[depth]) for depth in range(len(inside)))
    return any(names is not None and name not in names for names, name in tables)


def _unsent(path: Path, compiled: Compiled) -> tuple[Fate, None, None, str | None]:
    """Return the fate of a key that no row sends, and the reason."""
    mapping = compiled.target.mapping
    for unsent in mapping.unsent:
        if path[: len(unsent.path)] == unsent.path:
            return _READERS[unsent.used_by], None, None, unsent.why
    if any(row.op == "when-present" and row.path[:-1] == path for row in mapping.rows):
        return "compiler", None, None, _GATE
    whys = (each.why for each in mapping.inexpressible if path[: len(each.path)] == each.path)
    is_known = path in compiled.checked.contract.properties
    return "dropped", None, None, next(whys, _EMPTY if is_known else None)


def _used(path: Path, compiled: Compiled) -> MappingRow | None:
    """Return the row whose value the key decides: one whose origin it is, else the first that reads it."""
    rows = {row.id: row for row in compiled.target.mapping.rows}
    decided = (rows[each.rule] for each in compiled.origins.values() if each.path == path)
    reading = (row for key, found in compiled.target.read.items() if path[: len(key)] == key for row in found)
    return next(decided, None) or next(reading, None)


def values(compiled: Compiled) -> Iterator[ValueAccount]:
    """Yield an account of every leaf of a payload, by JSON pointer."""
    rows: dict[str, MappingRow] = {row.id: row for row in compiled.target.mapping.rows}
    for at, origin in sorted(compiled.origins.items()):
        yield ValueAccount(at, value_at(compiled.payload, at), origin, rows[origin.rule].why)


def value_at(payload: dict[str, Any], at: str) -> Any:
    """Return the value of `payload` at the JSON pointer `at`."""
    node: Any = payload
    for part in parse_pointer(at):
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node

"""The origin of every value of a payload."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from sftc.contract.mapping_table import MappingRow, MappingTable
from sftc.contract.operations import sent
from sftc.contract.upgrade import Upgraded
from sftc.document.toml import Document
from sftc.text.keys import ABSENT, Path, leaves, pointer
from sftc.text.source import Span


class Origin(NamedTuple):
    """The source of one payload value.

    `kind` is "config" for a key of the file, "flag" for an override, "default" for the
    default of an absent key and "constant" for a value that every payload has. `rule` is
    the id of the mapping row. `path` is the TOML path, `None` for a constant; `span` is
    where the value is written, `None` for a default or a constant.
    """

    kind: Literal["config", "flag", "default", "constant"]
    rule: str
    path: Path | None
    span: Span | None


def place(origin: Origin) -> str:
    """Return the origin of a value as text: `config.toml:3`, `--set`, `default` or `constant`."""
    if origin.span is None:
        return origin.kind
    name = origin.span.source.name
    return name if origin.kind == "flag" else f"{name}:{origin.span.line}"


def origins(document: Document, rules: MappingTable, upgraded: Upgraded) -> Mapping[str, Origin]:
    """Return the origin of every leaf of the payload, by JSON pointer.

    `upgraded` has the values that were mapped, and the keys of the document that they were made of.
    A leaf is anything but an object or list that is not empty.
    """
    found: dict[Path, Origin] = {}
    for row, value in sent(rules, upgraded.values):
        path = _decider(document, row, upgraded)
        for inner in leaves(value):
            within = path and path + inner
            exact = within and document.get(within) is not ABSENT
            found[row.to + inner] = _origin(document, row.id, within if exact else path)
    filled = {at[:depth] for at in found for depth in range(len(at))}
    return {pointer(at): origin for at, origin in found.items() if at not in filled}


def _decider(document: Document, row: MappingRow, upgraded: Upgraded) -> Path | None:
    """Return the key that decides what a row sends: the first of those it reads that the document sets."""
    paths = [upgraded.place(each) for each in row.reads]
    return next((path for path in paths if document.get(path) is not ABSENT), paths[0] if paths else None)


def _origin(document: Document, rule: str, path: Path | None) -> Origin:
    if path is None:
        return Origin("constant", rule, None, None)
    if document.get(path) is ABSENT:
        return Origin("default", rule, path, None)
    kind: Literal["flag", "config"] = "flag" if document.override(path) else "config"
    return Origin(kind, rule, path, document.span(path))

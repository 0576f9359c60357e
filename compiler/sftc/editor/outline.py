"""The outline of a config: its tables, and the keys in each."""

from typing import NamedTuple

from sftc.editor.open_config import OpenConfig
from sftc.text.keys import Path, dotted
from sftc.text.source import Span

_SHOWN = 60


class OutlineNode(NamedTuple):
    """A table or a key: its name, its value, the span of both, that of its name, and what is in it."""

    name: str
    detail: str
    span: Span
    name_span: Span
    is_table: bool
    children: tuple["OutlineNode", ...]


def outline(config: OpenConfig) -> list[OutlineNode]:
    """Return the tables and keys at the top of a config, in the order of the text."""
    inside: dict[Path, list[Path]] = {}
    for path in config.places:
        inside.setdefault(path[:-1], []).append(path)
    return [_node(config, path, inside) for path in inside.get((), ())]


def _node(config: OpenConfig, path: Path, inside: dict[Path, list[Path]]) -> OutlineNode:
    place = config.places[path]
    children = tuple(
        _node(config, each, inside) for each in inside.get(path, ()) if isinstance(each[-1], str)
    )
    spans = [place.key, *filter(None, [place.value]), *(each.span[1:] for each in children)]
    span = config.source.span(min(start for start, _ in spans), max(end for _, end in spans))
    value = " ".join(config.source.text[slice(*place.value)].split()) if place.value else ""
    is_table = place.value is None or bool(children)
    detail = "" if is_table else value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
    return OutlineNode(dotted(path[-1:]), detail, span, config.source.span(*place.key), is_table, children)

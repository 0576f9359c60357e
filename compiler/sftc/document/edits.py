"""Fixes as edits of the text: a value rewritten, a key renamed, removed, or moved to where it belongs."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sftc.document.toml import Document
from sftc.findings.finding import Edit, Fix
from sftc.text.keys import ABSENT, Path, dotted, key
from sftc.text.source import Source

if TYPE_CHECKING:
    from sftc.document.places import Place


def move(document: Document, path: Path, to: Path, *, safe: bool) -> Fix | None:
    """Return the fix that moves the key at `path` to `to`, with the comment on its line.

    A table that is written as a header gets another header. Return `None` for a key that does not
    have a line of its own below a header, or whose new place is taken or would be inside an inline
    table.
    """
    if path[:-1] == to[:-1]:
        return rename(document, path, str(to[-1]), safe=safe)
    source, section = document.source, to[:-1]
    place = document.scan.places.get(path)
    if document.override(path) or not place or document.get(to) is not ABSENT:
        return None
    if not place.value:
        return _move_header(document, path, to, safe=safe)
    if (len(path) > 1 and not _is_header(document, path[:-1])) or not (own := _own_line(document, place)):
        return None
    text, (start, end) = source.text, own
    line = text[start : place.key[0]] + key(str(to[-1])) + text[place.key[1] : end]
    line += "" if line.endswith("\n") else newline_of(source)
    above = _comments_above(text, start)
    left = text[:above] if end == len(text) else text
    insert = _insertion(document, section, text[above:start] + line, left)
    where = f"[{dotted(section)}]" if section else "the top of the file"
    return insert and Fix(f"move it to {where}", (Edit(source.span(above, end), ""), insert), safe)


def _own_line(document: Document, place: "Place") -> tuple[int, int] | None:
    """Return where the lines of a key and its value begin and end, if nothing but a comment shares them."""
    text, (at, _), (_, value_end) = document.source.text, place.key, place.value or place.key
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", value_end) + 1 or len(text)
    rest = text[value_end:end].strip()
    return None if text[start:at].strip() or (rest and not rest.startswith("#")) else (start, end)


def _insertion(document: Document, section: Path, lines: str, left: str) -> Edit | None:
    """Return the edit that adds `lines` to a section, `left` being what is left of the text."""
    source, newline = document.source, newline_of(document.source)
    text = source.text
    if not section:
        top = top_of(source)
        return Edit(source.span(top, top), lines)
    if _is_header(document, section):
        below = text.find("\n", document.scan.places[section].key[1]) + 1 or len(text)
        gap = "" if text[:below].endswith("\n") else newline
        return Edit(source.span(below, below), gap + lines)
    if document.get(section) is not ABSENT or _is_inline(document, section):
        return None
    gap = "" if not left or left.endswith("\n") else newline
    at_end = source.span(len(text), len(text))
    return Edit(at_end, f"{gap}{newline}[{dotted(section)}]{newline}{lines}")


def newline_of(source: Source) -> str:
    """Return the line break that a file uses."""
    return "\r\n" if "\r\n" in source.text else "\n"


def top_of(source: Source) -> int:
    """Return the offset of the first line that a key of no table may have: below `#:` lines."""
    at = 0
    while source.text.startswith("#:", at):
        at = source.text.find("\n", at) + 1 or len(source.text)
    return at


def _move_header(document: Document, path: Path, to: Path, *, safe: bool) -> Fix | None:
    """Return the fix that gives the table at `path`, one header without tables in it, another name."""
    if not _is_header(document, path) or document.scan.mentions[path] > 1 or _is_inline(document, to[:-1]):
        return None
    line = document.source.span(*document.scan.places[path].key).line
    start, _ = document.source.line_bounds(line)
    opening, closing = (document.source.text.index(each, start) for each in "[]")
    edit = Edit(document.source.span(opening + 1, closing), dotted(to))
    return Fix(f"call it [{dotted(to)}]", (edit,), safe)


def remove(document: Document, path: Path, *, safe: bool) -> Fix | None:
    """Return the fix that removes the key at `path`; comments on its line and above it are kept.

    Return `None` for a key that does not have a line of its own.
    """
    source, place = document.source, document.scan.places.get(path)
    if document.override(path) or not place or not place.value or not (own := _own_line(document, place)):
        return None
    start, end = own
    comment = source.text.find("#", place.value[1], end)
    gone = source.span(start, end) if comment < 0 else source.span(place.key[0], comment)
    return Fix("remove it", (Edit(gone, ""),), safe)


def remove_header(document: Document, table: Path, *, safe: bool) -> Fix | None:
    """Return the fix that removes the header of a table without keys; `None` if it has no such header."""
    if document.get(table) or not _is_header(document, table) or document.scan.mentions[table] > 1:
        return None
    source = document.source
    start, end = source.line_bounds(source.span(*document.scan.places[table].key).line)
    comment = source.text.find("#", start, end)
    below = source.text.find("\n", end) + 1 or len(source.text)
    gone = source.span(start, below if comment < 0 else comment)
    return Fix(f"remove [{dotted(table)}]", (Edit(gone, ""),), safe)


def apply_fixes(source: Source, fixes: Iterable[Fix]) -> Source:
    """Return `source` with the edits of `fixes`, which must not overlap."""
    edits = sorted((edit for each in fixes for edit in each.edits), key=lambda edit: edit.span.start)
    return Source(source.name, "".join(_pieces(source.text, edits)))


def _pieces(text: str, edits: Iterable[Edit]) -> Iterator[str]:
    at = 0
    for edit in edits:
        yield text[at : edit.span.start]
        yield edit.text
        at = edit.span.end
    yield text[at:]


def _comments_above(text: str, start: int) -> int:
    """Return the offset of the comments directly above the line at offset `start`."""
    while start:
        line = text.rfind("\n", 0, start - 1) + 1
        words = text[line:start].strip()
        if not words.startswith("#") or words.startswith("#:"):
            break
        start = line
    return start


def _is_inline(document: Document, table: Path) -> bool:
    """Return whether a table around `table` is written as a value, which a header cannot extend."""
    around = (document.scan.places.get(table[:depth]) for depth in range(1, len(table) + 1))
    return any(place and place.value for place in around)


def rename(document: Document, path: Path, name: str, *, safe: bool = False) -> Fix | None:
    """Return the fix that renames the key or table at `path`; `None` if the name is taken."""
    span = document.span(path, "key")
    if span.source.is_flag or document.get((*path[:-1], name)) is not ABSENT:
        return None
    if document.scan.mentions[path] > 1:  # a rename would have to change all of them
        return None
    return Fix(f"rename it to {name}", (Edit(span, name),), safe)


def rewrite(document: Document, path: Path, text: str, *, safe: bool) -> Fix | None:
    """Return the fix that replaces the value at `path` by `text`; `None` for a value from a flag."""
    span = document.span(path)
    return None if span.source.is_flag else Fix(f"write {text}", (Edit(span, text),), safe)


def _is_header(document: Document, table: Path) -> bool:
    """Return whether `table` has a header of its own, below which keys can be added."""
    place = document.scan.places.get(table)
    if not place or not place.header:
        return False
    line = document.source.line(document.source.span(*place.key).line).strip()
    return line.split("#")[0].replace(" ", "") == f"[{dotted(table)}]"

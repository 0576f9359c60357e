"""Fixes as edits of the text: a value rewritten, a key renamed, or moved to where it belongs."""

from sftc.document.toml import Document
from sftc.findings.finding import Edit, Fix
from sftc.text.keys import ABSENT, Path, dotted, key


def move(document: Document, path: Path, to: Path, *, safe: bool) -> Fix | None:
    """Return the fix that moves the key at `path` to `to`, with the comment on its line.

    Return `None` for a key that does not have a line of its own below a header, that is a
    table, or whose new place is taken or would be inside an inline table.
    """
    if path[:-1] == to[:-1]:
        return rename(document, path, str(to[-1]), safe=safe)
    source, places, section = document.source, document.scan.places, to[:-1]
    place = places.get(path)
    if document.override(path) or not place or not place.value or document.get(to) is not ABSENT:
        return None
    if isinstance(document.get(path), dict) or (len(path) > 1 and not _is_header(document, path[:-1])):
        return None
    text, newline = source.text, "\r\n" if "\r\n" in source.text else "\n"
    start, end = text.rfind("\n", 0, place.key[0]) + 1, text.find("\n", place.value[1]) + 1 or len(text)
    rest = text[place.value[1] : end].strip()
    if text[start : place.key[0]].strip() or (rest and not rest.startswith("#")):
        return None
    line = text[start : place.key[0]] + key(str(to[-1])) + text[place.key[1] : end]
    if not line.endswith("\n"):
        line += newline
    above = _comments_above(text, start)
    line = text[above:start] + line
    if _is_header(document, section):
        below = text.find("\n", places[section].key[1]) + 1 or len(text)
        gap = "" if text[:below].endswith("\n") else newline
        insert = Edit(source.span(below, below), gap + line)
    elif document.get(section) is ABSENT and not _is_inline(document, section):
        left = text[:above] if end == len(text) else text
        gap = "" if not left or left.endswith("\n") else newline
        at_end = source.span(len(text), len(text))
        insert = Edit(at_end, f"{gap}{newline}[{dotted(section)}]{newline}{line}")
    else:
        return None
    return Fix(f"move it to [{dotted(section)}]", (Edit(source.span(above, end), ""), insert), safe)


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

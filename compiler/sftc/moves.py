"""Moving a key to the section it belongs in, as edits of the text."""

from sftc.document import Document
from sftc.findings import Edit, Fix
from sftc.keys import ABSENT, Path, dotted, key


def move(document: Document, path: Path, to: Path, *, safe: bool) -> Fix | None:
    """Return the fix that moves the key at `path` to `to`, with the comment on its line.

    There is none for a key that has no line of its own below a header, that is a table,
    or whose new place is taken or would have to be made inside an inline table.
    """
    if path[:-1] == to[:-1]:
        return rename(document, path, str(to[-1]), safe=safe)
    source, places = document.source, document.scan.places
    place = places.get(path)
    if document.override(path) or not place or not place.value or document.get(to) is not ABSENT:
        return None
    name, text = key(str(to[-1])), source.text
    start = text.rfind("\n", 0, place.key[0]) + 1
    end = text.find("\n", place.value[1]) + 1 or len(text)
    rest = text[place.value[1] : end].strip()
    if text[start : place.key[0]].strip() or (rest and not rest.startswith("#")):
        return None
    if isinstance(document.get(path), dict) or not _is_header(document, path[:-1]):
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    line = f"{name} = {text[place.value[0] : end].rstrip()}{newline}"
    section = to[:-1]
    if _is_header(document, section):
        below = text.find("\n", places[section].key[1]) + 1
        insert = Edit(source.span(below, below), line) if below else None
    elif document.get(section) is ABSENT:
        gap = "" if not text or text.endswith("\n") else newline
        at_end = source.span(len(text), len(text))
        insert = Edit(at_end, f"{gap}{newline}[{dotted(section)}]{newline}{line}")
    else:
        insert = None
    if not insert:
        return None
    remove = Edit(source.span(start, end), "")
    return Fix(f"move it to [{dotted(section)}]", (remove, insert), safe)


def rename(document: Document, path: Path, name: str, *, safe: bool = False) -> Fix | None:
    """Return the fix that renames the key or table at `path`; none where the name is taken."""
    span = document.span(path, "key")
    if span.source.is_flag or document.get((*path[:-1], name)) is not ABSENT:
        return None
    return Fix(f"rename it to {name}", (Edit(span, name),), safe)


def _is_header(document: Document, table: Path) -> bool:
    """Whether `table` is opened by a header of its own, in which keys can stand."""
    place = document.scan.places.get(table)
    if not place or not place.header:
        return False
    line = document.source.line(document.source.span(*place.key).line).strip()
    return line.split("#")[0].replace(" ", "") == f"[{dotted(table)}]"

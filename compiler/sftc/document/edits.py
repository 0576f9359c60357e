"""Fixes as edits of the text: a value rewritten, a key renamed, removed, or moved to where it belongs."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from sftc.document.toml import Document
from sftc.findings.finding import Edit, Fix
from sftc.text.keys import ABSENT, Path, dotted, key
from sftc.text.source import Source

if TYPE_CHECKING:
    from sftc.document.places import Place


def move(document: Document, path: Path, to: Path, *, safe: bool) -> Fix | None:
    """Return the fix that moves the key at `path` to `to`, with its comments.

    A table that is written as a header gets another header. Return `None` if the new place is
    taken, or is inside a value that takes no keys or no comments, and for a table that is written
    in parts.
    """
    if path[:-1] == to[:-1]:
        return rename(document, path, str(to[-1]), safe=safe)
    source, section = document.source, to[:-1]
    place = document.scan.places.get(path)
    is_free = not document.sets(to) and _takes_keys(document, to)
    if document.override(path) or not place or not is_free or to[: len(path)] == path:
        return None
    if not place.value:
        return _move_header(document, path, to, safe=safe)
    taken = _taken(source.text, place, place.value)
    insert = _insertion(document, to, taken)
    where = f"[{dotted(section)}]" if section else "the top of the file"
    return insert and Fix(f"move it to {where}", (Edit(source.span(*taken.cut), ""), insert), safe)


def _takes_keys(document: Document, path: Path) -> bool:
    """Return whether everything around `path` is a table, or not there yet."""
    around = (document.get(path[:depth]) for depth in range(1, len(path)))
    return all(each is ABSENT or isinstance(each, dict) for each in around)


class _Taken(NamedTuple):
    """A key and its value, taken from a text.

    `cut` is what goes, `above` are the comments above and the space before the key, `value` is the
    value with its equals sign, and `beside` the comment behind it.
    """

    cut: tuple[int, int]
    above: str
    value: str
    beside: str


def _taken(text: str, place: "Place", value: tuple[int, int]) -> _Taken:
    written = text[place.key[1] : value[1]]
    if lines := _own_lines(text, place.start, value[1]):
        start, end = lines
        above = _comments_above(text, start)
        return _Taken((above, end), text[above : place.start], written, text[value[1] : end].rstrip("\r\n"))
    return _Taken(_member(text, place.start, value[1]), "", written, "")


def _own_lines(text: str, at: int, value_end: int) -> tuple[int, int] | None:
    """Return where the lines of a key and its value begin and end, if nothing but a comment shares them."""
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", value_end) + 1 or len(text)
    rest = text[value_end:end].strip()
    return None if text[start:at].strip() or (rest and not rest.startswith("#")) else (start, end)


def _member(text: str, at: int, value_end: int) -> tuple[int, int]:
    """Return the bounds of a key in an inline table, with the comma that it leaves over."""
    after = len(text) - len(text[value_end:].lstrip())
    if text.startswith(",", after):
        return at, len(text) - len(text[after + 1 :].lstrip())
    before = len(text[:at].rstrip())
    return (before - 1, value_end) if text[before - 1] == "," else (at, value_end)


def _insertion(document: Document, to: Path, taken: _Taken) -> Edit | None:
    """Return the edit that adds a key to the end of a table, or to the top of the file."""
    source, scan, table = document.source, document.scan, to[:-1]

    def lines(name: str) -> str:
        return f"{taken.above}{name}{taken.value}{taken.beside}{source.newline}"

    if not table:
        top = top_of(source)
        return Edit(source.span(top, top), lines(key(str(to[-1]))))
    for depth in range(len(table), 0, -1):
        around = scan.places.get(to[:depth])
        if around and around.value:
            has_comments = bool((taken.above + taken.beside).strip())
            return None if has_comments else _new_member(source, around.value, to[depth:], taken)
    if table in scan.headers:
        return _below(source, scan.ends[table], lines(key(str(to[-1]))), taken.cut)
    if table in scan.last:
        last = scan.last[table]
        return _below(source, (last.value or last.key)[1], lines(dotted(to[last.depth :])), taken.cut)
    header = f"{source.newline}[{dotted(table)}]{source.newline}{lines(key(str(to[-1])))}"
    outer = (table[:depth] for depth in range(len(table), 0, -1))
    at = next((scan.ends[each] for each in outer if each in scan.headers), len(source.text))
    return _below(source, at, header, taken.cut)


def _below(source: Source, at: int, lines: str, cut: tuple[int, int]) -> Edit:
    """Return the edit that adds lines below the line at offset `at`, in a text from which `cut` goes."""
    below = source.text.find("\n", at) + 1 or len(source.text)
    left = cut[0] if cut[1] == below else below
    gap = "" if not left or source.text.endswith("\n", 0, left) else source.newline
    return Edit(source.span(below, below), gap + lines)


def _new_member(source: Source, table: tuple[int, int], name: Path, taken: _Taken) -> Edit:
    """Return the edit that adds a key to an inline table."""
    first, last = table[0] + 1, table[1] - 1
    at = first + len(source.text[first:last].rstrip())
    start, end = taken.cut
    left = (
        source.text[first:start] + source.text[end:last] if first <= start < last else source.text[first:last]
    )
    comma = ", " if left.strip() else ""
    return Edit(source.span(at, at), f"{comma}{dotted(name)}{taken.value}")


def top_of(source: Source) -> int:
    """Return the offset of the first line that a key of no table may have: below `#:` lines."""
    at = 0
    while source.text.startswith("#:", at):
        at = source.text.find("\n", at) + 1 or len(source.text)
    return at


def _move_header(document: Document, path: Path, to: Path, *, safe: bool) -> Fix | None:
    """Return the fix that gives the table at `path`, one header without tables in it, another name."""
    around = (document.scan.places.get(to[:depth]) for depth in range(1, len(to)))
    is_value = any(place and place.value for place in around)
    if path not in document.scan.headers or len(document.scan.mentions[path]) > 1 or is_value:
        return None
    start, end = document.scan.headers[path]
    edit = Edit(document.source.span(start + 1, end - 1), dotted(to))
    return Fix(f"call it [{dotted(to)}]", (edit,), safe)


def remove(document: Document, path: Path, *, safe: bool) -> Fix | None:
    """Return the fix that removes the key at `path`; comments on its line and above it are kept.

    Return `None` for a table that is written as headers or dotted keys, and for a flag.
    """
    source, place = document.source, document.scan.places.get(path)
    if document.override(path) or not place or not place.value:
        return None
    taken = _taken(source.text, place, place.value)
    comments = [taken.above.rstrip(" \t").rstrip("\r\n"), taken.beside.strip()]
    kept = "".join(f"{each}{source.newline}" for each in comments if each)
    if kept and source.text[taken.cut[1] :].splitlines()[:1] not in ([], [""]):
        kept += source.newline  # else they would be comments on the key below
    return Fix("remove it", (Edit(source.span(*taken.cut), kept),), safe)


def remove_header(document: Document, table: Path) -> Fix | None:
    """Return the fix, a safe one, that removes the header of an empty table; `None` if there is none."""
    if document.get(table) or table not in document.scan.headers or len(document.scan.mentions[table]) > 1:
        return None
    source = document.source
    start, end = source.line_bounds(source.span(*document.scan.headers[table]).line)
    comment = source.text.find("#", start, end)
    below = source.text.find("\n", end) + 1 or len(source.text)
    gone = source.span(start, below if comment < 0 else comment)
    return Fix(f"remove [{dotted(table)}]", (Edit(gone, ""),), safe=True)


def apply_fixes(source: Source, fixes: Iterable[Fix]) -> Source:
    """Return `source` with the edits of `fixes`, which must not overlap."""
    edits = sorted((edit for each in fixes for edit in each.edits), key=lambda edit: edit.span[1:])
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


def rename(document: Document, path: Path, name: str, *, safe: bool) -> Fix | None:
    """Return the fix that renames the key or table at `path`, wherever it is named.

    Return `None` if the name is taken, for a flag, and for a key that another config has.
    """
    span = document.span(path, "key")
    if span.source is not document.source or document.sets((*path[:-1], name)):
        return None
    edits = (Edit(document.source.span(*place), name) for place in document.scan.mentions[path])
    return Fix(f"rename it to {name}", tuple(edits), safe)


def put(document: Document, path: Path, text: str) -> Fix | None:
    """Return the fix that sets the key at `path` to `text`: rewritten where it is, or added to its table.

    It is not a safe one. A value of an extended config is overridden. Return `None` for a value from a flag,
    and if the table cannot take the key.
    """
    if document.get(path) is not ABSENT and not document.span(path).source.depth:
        return rewrite(document, path, text, safe=False)
    if not _takes_keys(document, path):
        return None
    added = _insertion(document, path, _Taken((-1, -1), "", f" = {text}", ""))
    return added and Fix(f"add {dotted(path)} = {text}", (added,), safe=False)


def rewrite(document: Document, path: Path, text: str, *, safe: bool) -> Fix | None:
    """Return the fix that replaces the value at `path` by `text`.

    Return `None` for a value from a flag, or of another config, and for a table that is written as headers.
    """
    span = document.span(path)
    if span.source is not document.source or not document.scan.places[path].value:
        return None
    return Fix(f"write {text}", (Edit(span, text),), safe)

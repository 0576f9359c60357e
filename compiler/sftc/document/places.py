"""The position of every key and value in the text of a TOML file.

Parsers keep no positions, so the text is scanned once more, and only when a finding needs a
position. A parser has accepted the text, or will reject it: the scanner decides only where
things begin and end.
"""

import re
import tomllib
from collections import defaultdict
from contextlib import suppress
from typing import NamedTuple

from sftc.text.keys import MAX_DEPTH, Path

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_COMMENT = re.compile(r"#[^\r\n]*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_QUOTED = re.compile(r"""(["'])([^"'\\\x00-\x1f\x7f]*)\1""")  # a key without escapes and other quotes
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?'{3,5}(?!')|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]*[^,\]}#\r\n \t]")
_PLAIN = r'("[^"\\\r\n]+"|[A-Za-z0-9+.-]+)[ \t]*'
_LINE = re.compile(rf"([A-Za-z0-9_-]+)[ \t]*=[ \t]*{_PLAIN}(?:\r?\n)+")
_ITEM = re.compile(rf"{_PLAIN}(?:,[ \t]*(?![ \t\r\n#])|(?=\]))")
"""A line, and an item of an array, with a plain value, as most are: read at once."""


class Place(NamedTuple):
    """The positions of a key and its value, as offsets in characters.

    `value` is `None` for a table that is written as headers or dotted keys. `header` is true if
    the key is in a `[table]` or `[[table]]` header. `start` is where the dotted key begins whose
    last part this is, and `depth` is how many tables are around that dotted key.
    """

    key: tuple[int, int]
    value: tuple[int, int] | None
    header: bool
    start: int = 0
    depth: int = 0


def shifted(place: Place, by: int) -> Place:
    """Return a place `by` characters further down."""
    (start, end), value = place.key, place.value
    return place._replace(
        key=(start + by, end + by), value=value and (value[0] + by, value[1] + by), start=place.start + by
    )


class TooDeep(Exception):
    """A value is nested over `MAX_DEPTH` levels deep; `at` is the offset where it gets too deep."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Lost(Exception):
    """The text is not TOML from here on."""


def _unquoted(raw: str) -> str:
    if plain := _QUOTED.fullmatch(raw):
        return plain[2]
    try:
        name: str = tomllib.loads(f"key = {raw}")["key"]
    except tomllib.TOMLDecodeError:
        raise _Lost from None
    return name


class Scanner:
    """One scan over a text.

    `places` maps each path to its first place; `repeats` lists keys and tables that
    are defined again, as (path, first place, repeated place); `comments` are the
    offsets of all comments, and `mentions` those of each path wherever it is named. `headers` has the
    offsets of each `[table]`, and `ends` where the last key below it ends. `last` has the last
    place of a key that is dotted, by each table that the dots name. The scan stops at text that is
    not TOML, and `complete` is false then.
    """

    def __init__(self, text: str) -> None:
        """Scan `text`.

        Raises:
            TooDeep: a value is nested over `MAX_DEPTH` levels deep.
        """
        self.places: dict[Path, Place] = {}
        self.repeats: list[tuple[Path, Place, Place]] = []
        self.comments: list[tuple[int, int]] = []
        self.mentions: defaultdict[Path, list[tuple[int, int]]] = defaultdict(list)
        self.headers: dict[Path, tuple[int, int]] = {}
        self.ends: dict[Path, int] = {}
        self.last: dict[Path, Place] = {}
        self._text = text
        self._at = 0
        self._tables: set[Path] = set()
        self._array_sizes: dict[Path, int] = {}
        self.complete = False
        with suppress(_Lost):
            self._document()
            self.complete = True

    def _document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            elif line := _LINE.match(self._text, self._at):
                self._line(table, line)
            else:
                self._pair(table)
                self.ends[table] = self._at
            self._skip(_BLANK)

    def _line(self, table: Path, line: re.Match[str]) -> None:
        path = (*table, line[1])
        place = Place(line.span(1), line.span(2), False, line.start(), len(table))
        self._check_depth(len(path))
        self._define(path, place, again=path in self.places)
        self.ends[table] = line.end(2)
        self._at = line.end()

    def _header(self) -> Path:
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        start = self._at
        self._at += brackets
        path: Path = ()
        parts = self._dotted_key(())
        for name, key in parts[:-1]:
            path += (name,)
            self._note(path, Place(key, None, header=True))
            if path in self._array_sizes:
                path += (self._array_sizes[path] - 1,)
        name, key = parts[-1]
        path += (name,)
        place = Place(key, None, header=True)
        if brackets == 2:
            self._note(path, place)
            size = self._array_sizes.get(path, 0)
            self._array_sizes[path] = size + 1
            path += (size,)
            self._note(path, place)
        else:
            again = path in self._tables or self._has_value(path)
            self._define(path, place, again=again)
            if not again:
                self.places[path] = place  # its own header is a better place than the header of a table in it
            self._tables.add(path)
        self._expect("]" * brackets)
        if brackets == 1:
            self.headers.setdefault(path, (start, self._at))
        self.ends[path] = self._at
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        parts = self._dotted_key(table)
        self._expect("=")
        self._skip(_SPACE)
        path = table
        for name, key in parts[:-1]:
            path += (name,)
            self._note(path, Place(key, None, False, start, len(table)))
        name, key = parts[-1]
        path += (name,)
        value = self._at
        self._value(path)
        place = Place(key, (value, self._at), False, start, len(table))
        self._define(path, place, again=path in self.places)
        self.last.update((path[:depth], place) for depth in range(len(table) + 1, len(path)))

    def _dotted_key(self, table: Path) -> list[tuple[str, tuple[int, int]]]:
        parts = []
        while True:
            self._skip(_SPACE)
            start, raw = self._at, self._take(_KEY)
            name = _unquoted(raw) if raw[0] in "\"'" else raw
            parts.append((name, (start, self._at)))
            self._check_depth(len(table) + len(parts))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        self._check_depth(len(path))
        opening = self._text[self._at : self._at + 1]
        if opening in ('"', "'"):
            self._take(_STRING)
        elif opening == "[":
            self._items(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _items(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while not self._text.startswith("]", self._at):
            if item := _ITEM.match(self._text, self._at):
                span, self._at = item.span(1), item.end()
                self._check_depth(len(path) + 1)
            else:
                start = self._at
                self._value((*path, index))
                span = (start, self._at)
                self._separator("]")
            self.places.setdefault((*path, index), Place(span, span, header=False))
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while not self._text.startswith("}", self._at):
            self._pair(path)
            self._separator("}")
        self._at += 1

    def _separator(self, closing: str) -> None:
        self._skip(_BLANK)
        if not self._text.startswith(closing, self._at):
            self._expect(",")
            self._skip(_BLANK)

    def _define(self, path: Path, place: Place, *, again: bool) -> None:
        if again:
            self.repeats.append((path, self.places[path], place))
        self._note(path, place)

    def _has_value(self, path: Path) -> bool:
        return path in self.places and self.places[path].value is not None

    def _note(self, path: Path, place: Place) -> None:
        self._check_depth(len(path))
        self.mentions[path].append(place.key)
        self.places.setdefault(path, place)

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooDeep(self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()
            if pattern is _BLANK and "#" in match.group():
                start = match.start()
                self.comments += [
                    (start + a, start + b) for a, b in map(re.Match.span, _COMMENT.finditer(match.group()))
                ]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if not match:
            raise _Lost
        self._at = match.end()
        return match.group()

    def _expect(self, token: str) -> None:
        if not self._text.startswith(token, self._at):
            raise _Lost
        self._at += len(token)

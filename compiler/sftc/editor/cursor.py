"""What a person is writing at a place in a config: a table's name, a key, or a value, half of it or less.

The text need not be TOML. It is read up to the place, and a line that begins like a header or a key
ends whatever was left open above it.
"""

import re
from typing import Final, Literal, NamedTuple

from sftc.text.keys import Path

CursorPart = Literal["header", "key", "value", "end"]

_TOKEN: Final = re.compile(
    r'''(?P<skip>[ \t\r]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>"""(?:[^\\]|\\.?)*?(?:"""|\Z) | \'\'\'.*?(?:\'\'\'|\Z)
          | "(?:[^"\\\n]|\\[^\n]?)*(?:"|(?=\n)|\Z) | '[^'\n]*(?:'|(?=\n)|\Z))
      | (?P<mark>[\[\]{}=,.])
      | (?P<word>[^\s\[\]{}=,.\#"']+)''',
    re.VERBOSE | re.DOTALL,
)
_STARTS_ANEW: Final = re.compile(
    r"""[ \t]*(?:\[+[ \t]*[A-Za-z_"'][^\n,]*\][ \t]*(?:\#|\r?$)|[\w."'-]+[ \t]*=)""", re.MULTILINE
)
_BARE_END: Final = re.compile(r"[A-Za-z0-9_-]*")
_VALUE_END: Final = re.compile(r"""[^\s,\[\]{}#"'=]*""")
_VALUE_AHEAD: Final = re.compile(
    r"""[ \t]*(?:(?P<long>\[|\{|\"{3}|'{3})|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,\[\]{}#"'=]+)"""
)
_STRING: Final = re.compile(r"""\"(?:[^"\\\n]|\\[^\n])*\"|'[^'\n]*'""")
_LONG: Final = ('"' * 3, "'" * 3)
"""What strings of several lines begin with."""


class Cursor(NamedTuple):
    """What is at a place in a config.

    `part` is what is being written there, in the table at `table`; `end` is behind a value. `key` is the
    whole path of the key that a value is for, or the names before the last dot of one being written.
    `start` and `end` are the offsets of the word or string at the place, and `typed` is what of it is
    before the place. `is_item` is whether a value is one of an array, `starts_line` whether a key is the
    first word of its line.
    """

    part: CursorPart
    table: Path
    key: Path
    start: int
    end: int
    typed: str
    is_item: bool = False
    starts_line: bool = False


class _Frame(NamedTuple):
    """An array or inline table that is open: its bracket, and the path of its keys or items."""

    bracket: str
    path: Path


class _Reader:
    """Reads tokens, and knows after each what may come next."""

    def __init__(self) -> None:
        self.table: Path = ()
        self.names: list[str] = []
        self.frames: list[_Frame] = []
        self.part: CursorPart = "key"

    def line(self) -> None:
        """Begin a line that no open bracket reaches into; a header above it may lack its end."""
        if self.part == "header" and self.names:
            self.table = tuple(self.names)
        self.names, self.frames, self.part = [], [], "key"

    @property
    def key(self) -> Path:
        around = self.frames[-1].path if self.frames else () if self.part == "header" else self.table
        return (*around, *self.names)

    @property
    def is_item(self) -> bool:
        return bool(self.frames) and self.frames[-1].bracket == "["

    def word(self, text: str) -> None:
        if self.part == "value":
            self.part = "end"
        else:
            self.names.append(text)

    def mark(self, mark: str) -> None:
        match mark:
            case "[" if self.part == "header" or (self.part == "key" and not self.frames and not self.names):
                self.part, self.names = "header", []
            case "]" if self.part == "header":
                self.table, self.part = tuple(self.names), "end"
            case "=" if self.part == "key":
                self.part = "value"
            case "[" | "{" if self.part == "value":
                self.frames.append(_Frame(mark, self.key))
                self.names, self.part = [], "value" if mark == "[" else "key"
            case "]" | "}" if self.frames:
                self.frames.pop()
                self.part = "end"
            case "," if self.frames:
                self.names, self.part = [], "value" if self.is_item else "key"


def cursor_at(text: str, offset: int) -> Cursor:
    """Return what is being written at `offset` of `text`."""
    reader, at, word, last = _Reader(), 0, (offset, ""), ""
    while at < offset:
        found = _TOKEN.match(text, at, offset)
        if not found:
            at += 1
            continue
        kind, token, start = found.lastgroup or "", found.group(), at
        at = found.end()
        if kind == "skip" and token[0] == "#" and at == offset:
            reader.part = "end"
        is_open = at == offset and (kind == "word" or (kind == "string" and not _is_closed(token)))
        if is_open:
            word = (start, token)
        elif kind == "newline" and (not reader.frames or _STARTS_ANEW.match(text, at)):
            reader.line()
        elif kind in {"word", "string"}:
            reader.word(token.strip("\"'"))
        elif kind == "mark":
            reader.mark(token)
        last = last if is_open or kind == "skip" else kind
    start, typed = word
    is_named = reader.part in {"key", "header"} and bool(reader.names) and last != "mark"
    ahead = _VALUE_AHEAD.match(text, offset) if reader.part == "value" and not typed else None
    if is_named or text.startswith(_LONG, start) or (ahead and ahead["long"]):
        reader.part = "end"
    starts_line = reader.part == "key" and not reader.frames and not reader.names
    end = ahead.end() if ahead else _end_of(text, offset, typed, reader.part)
    return Cursor(reader.part, reader.table, reader.key, start, end, typed, reader.is_item, starts_line)


def _is_closed(string: str) -> bool:
    return bool(_STRING.fullmatch(string)) or (len(string) > 5 and string.endswith(_LONG))


def _end_of(text: str, offset: int, typed: str, part: CursorPart) -> int:
    """Return the offset at which the word or the string around `offset` ends, on the same line."""
    if typed[:1] in ('"', "'"):
        string = _STRING.match(text, offset - len(typed))
        return max(string.end(), offset) if string else offset
    found = (_VALUE_END if part == "value" else _BARE_END).match(text, offset)
    return found.end() if found else offset

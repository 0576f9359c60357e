"""Cuts a short piece out of a row, which may be large, for a finding to show."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sftc.findings.rule import Rule
from sftc.text.keys import Path
from sftc.text.source import Source, Span

_AROUND = 120


class Remark(NamedTuple):
    """A finding that has no span yet, about the value at `path` or the text between the offsets `at`."""

    rule: Rule
    message: str
    path: Path = ()
    help: str | None = None
    at: tuple[int, int] | None = None


def row_json(value: Any) -> str:
    """Return the JSON of a value of a row. orjson refuses unpaired surrogates, and depths that rows have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Excerpt(Source):
    """A piece of one line of a file.

    Attributes:
        number: the number of the line, counted from 1.
        first: the column in the line where the piece begins, counted from 0.
        byte: the offset in the file, in bytes, of the place that the finding points to.
    """

    def __init__(self, name: str, text: str, number: int, first: int, byte: int) -> None:
        super().__init__(name, text)
        self.number = number
        self.first = first
        self.byte = byte

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of `offset`, both counted from 1."""
        return self.number, self.first + offset + 1

    def line_bounds(self, number: int) -> tuple[int, int]:
        """Return the offsets of the whole piece, which has only one line."""
        return 0, len(self.text)


@dataclass(frozen=True)
class Line:
    """A line of the file `name`: its number (from 1), its offset in the file in bytes, and its bytes."""

    name: str
    number: int
    byte: int
    data: bytes

    @cached_property
    def text(self) -> str:
        """The line as text, with U+FFFD for bytes that are not UTF-8."""
        return self.data.decode("utf-8", "replace")

    def span(self, start: int, end: int) -> Span:
        """Return the span from `start` to `end`, in characters, in a piece of at most 240 characters."""
        text = self.text
        first, last = max(0, start - _AROUND), min(len(text), start + _AROUND)
        byte = self.byte + len(text[:start].encode("utf-8", "surrogatepass"))
        piece = Excerpt(self.name, text[first:last], self.number, first, byte)
        return piece.span(start - first, min(end, last) - first)


def whole_file(name: str) -> Span:
    """Return the span of a finding about a whole file."""
    return Source(name, "").span(0, 0)

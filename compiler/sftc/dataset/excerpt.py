"""From a remark about a row to the piece of text that its finding points into: rows may be large."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sftc.findings.rule import Rule
from sftc.text.keys import Path
from sftc.text.source import Source, Span

_AROUND = 120


class Remark(NamedTuple):
    """A future finding about the value at `path` of a row, or about the text between the offsets `at`."""

    rule: Rule
    message: str
    path: Path = ()
    help: str | None = None
    at: tuple[int, int] | None = None


class Excerpt(Source):
    """A piece of line `number` of a file, which begins at column `first`, from 0.

    `byte` is the offset in the file, in bytes, of the place that the finding points to.
    """

    def __init__(self, name: str, text: str, number: int, first: int, byte: int) -> None:
        super().__init__(name, text)
        self.number = number
        self.first = first
        self.byte = byte

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line, and the column in it, both counted from 1."""
        return self.number, self.first + offset + 1

    def line_bounds(self, number: int) -> tuple[int, int]:
        """Return the offsets at which the piece begins and ends: it is of one line."""
        return 0, len(self.text)


@dataclass(frozen=True)
class Line:
    """A line of the file `name`: its number from 1, its offset in bytes, its bytes."""

    name: str
    number: int
    byte: int
    data: bytes

    @cached_property
    def text(self) -> str:
        """The line as text, with a sign for what is not UTF-8."""
        return self.data.decode("utf-8", "replace")

    def span(self, start: int, end: int) -> Span:
        """Return the span from `start` up to `end`, in characters, cut where it is long."""
        text = self.text
        first, last = max(0, start - _AROUND), min(len(text), start + _AROUND)
        byte = self.byte + len(text[:start].encode("utf-8", "surrogatepass"))
        piece = Excerpt(self.name, text[first:last], self.number, first, byte)
        return piece.span(start - first, min(end, last) - first)


def whole_file(name: str) -> Span:
    """Return the span of a finding about a file as a whole."""
    return Source(name, "").span(0, 0)

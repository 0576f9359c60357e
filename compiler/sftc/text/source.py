"""Named texts, from a file, standard input or a flag, and spans in them."""

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate
from typing import Final, NamedTuple

STDIN: Final = "-"
"""The path that means standard input."""


class Source:
    """A text that findings point into, and its `name` for a person.

    `is_flag` marks the text of a command-line flag, which has no lines to count. `byte` is
    the offset in the file of the place that a finding points to, if the text is only a part of it.
    `depth` is 0 for the config that was given, 1 for the one that it extends, and so on.
    `beside` reads what the config extends, by its path, if the text is in no folder.
    """

    byte: int | None = None
    depth: int = 0
    beside: "Callable[[str], Source] | None" = None

    def __init__(self, name: str, text: str, *, is_flag: bool = False) -> None:
        self.name = name
        self.text = text
        self.is_flag = is_flag

    @cached_property
    def _line_starts(self) -> list[int]:
        lengths = (len(line) + 1 for line in self.text.split("\n"))
        return [0, *accumulate(lengths)][:-1]

    @cached_property
    def newline(self) -> str:
        """The line break that the text uses."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column of a character offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the text of line `number`, counted from 1, without its line ending."""
        return self.text[slice(*self.line_bounds(number))]

    def line_bounds(self, number: int) -> tuple[int, int]:
        """Return the offsets at which line `number`, counted from 1, begins and ends."""
        starts = self._line_starts
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        if self.text.endswith("\r", starts[number - 1], end):
            end -= 1
        return starts[number - 1], end

    def span(self, start: int, end: int) -> "Span":
        """Return the span of the characters from offset `start` up to `end`."""
        return Span(self, start, end)

    def at(self, line: int, column: int) -> "Span":
        """Return the span of the one character at `line` and `column`, both counted from 1."""
        start = min(self._line_starts[line - 1] + column - 1, len(self.text))
        return Span(self, start, min(start + 1, len(self.text)))


class Span(NamedTuple):
    """A part of a source, as offsets in characters; the end is not included.

    Lines and columns count from 1, columns in characters. `end_line` and `end_column` are those
    of the first character after the span.
    """

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line on which the span begins."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column of its first character."""
        return self.source.position(self.start)[1]

    @property
    def end_line(self) -> int:
        """The line of the first character after the span."""
        return self.source.position(self.end)[0]

    @property
    def end_column(self) -> int:
        """The column of the first character after the span."""
        return self.source.position(self.end)[1]

    @property
    def text(self) -> str:
        """The characters of the span."""
        return self.source.text[self.start : self.end]


def escaped(text: str) -> str:
    """Return `text` with what UTF-8 cannot hold escaped, as in a file name of undecodable bytes."""
    return text.encode("utf-8", "backslashreplace").decode()

"""Offsets in a text, and the lines and characters that editors count instead."""

import re
from bisect import bisect_right
from typing import Final, Literal, NamedTuple

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_CODECS: Final[dict[Encoding, tuple[str, int]]] = {
    "utf-8": ("utf-8", 1),
    "utf-16": ("utf-16-le", 2),
    "utf-32": ("utf-32-le", 4),
}


class LinePosition(NamedTuple):
    """A place as the protocol has it: a line from 0, and the code units before the place in that line."""

    line: int
    character: int


class ClientPositions:
    r"""The positions in a text, in the code units that the editor has agreed to.

    >>> positions = ClientPositions("a\n😀b", "utf-16")
    >>> positions.position(3), positions.offset(LinePosition(1, 2))
    (LinePosition(line=1, character=2), 3)
    """

    def __init__(self, text: str, encoding: Encoding) -> None:
        self._text = text
        self._codec, self._width = _CODECS[encoding]
        breaks = [*_BREAK.finditer(text)]
        self._starts = [0, *(each.end() for each in breaks)]
        self._ends = [*(each.start() for each in breaks), len(text)]

    def position(self, offset: int) -> LinePosition:
        """Return the position of the character at `offset`."""
        line = bisect_right(self._starts, offset) - 1
        return LinePosition(line, len(self._encoded(self._starts[line], offset)) // self._width)

    def offset(self, position: LinePosition) -> int:
        """Return the offset of a position; one beyond the end of a line or the text is its end."""
        if position.line >= len(self._starts):
            return len(self._text)
        start, end = self._starts[position.line], self._ends[position.line]
        before = self._encoded(start, end)[: position.character * self._width]
        return start + len(before.decode(self._codec, "ignore"))

    def _encoded(self, start: int, end: int) -> bytes:
        return self._text[start:end].encode(self._codec, "surrogatepass")

"""Texts side by side on a terminal, each while it is generated."""

import os
import re
import sys
from shutil import get_terminal_size
from typing import Final, Self

from sftc.cli.output import write_stdout
from sftc.report.terminal import columns_of, printable_lines

_GAP: Final = 3
"""The columns of the terminal between two texts."""

_NARROWEST: Final = 30
"""The columns that a text needs to be readable."""

_WORDS: Final = re.compile(r"\n| |[^\n ]+")


def half_width() -> int:
    """Return the columns of the terminal that each of two texts has; 0 if they do not fit side by side."""
    if not (sys.stdout and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        return 0
    half = (get_terminal_size().columns - _GAP - 1) // 2
    return half if half >= _NARROWEST else 0


class SideBySide:
    """Texts side by side on a terminal. The cursor is below them at the end, also after an exception.

    If a text is higher than the screen, its beginning has scrolled away, and the next one begins at the top
    of the screen.

    Args:
        width: the columns of the terminal for each text.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._left = self._used = 0  # where the text begins, and what its last row has, in columns
        self._row = self._last = 0  # the row of the cursor and the lowest, from that of the titles

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        down = self._last - self._row
        write_stdout((f"\x1b[{down}B" if down else "") + "\n")

    def begin(self, title: str) -> None:
        """Begin a text at the top, to the right of those before it.

        Args:
            title: what is above it; it may be styled.
        """
        if self._row:
            self._left += self._width + _GAP
            screen = get_terminal_size().lines - 2  # below them is a line of the conversation
            up = max(1, min(self._row, screen))
            self._row -= up
            write_stdout(f"\x1b[{up}A{self._margin()}")
        write_stdout(title + self._next_row())

    def write(self, text: str) -> None:
        """Write a piece of the text, none of which can move the cursor or hide itself."""
        write_stdout("".join(map(self._placed, _WORDS.findall(printable_lines(text)))))

    def _placed(self, word: str) -> str:
        """Return a word, a space or a line break, with the line break before it that it needs."""
        if word == "\n":
            return self._next_row()
        width = columns_of(word)
        if self._used + width <= self._width:
            self._used += width
            return word
        if word == " ":  # at the end of a row
            return ""
        if width <= self._width:
            return self._next_row() + self._placed(word)
        return "".join(map(self._placed, word))

    def _next_row(self) -> str:
        self._row += 1
        self._last = max(self._last, self._row)
        self._used = 0
        return "\n" + self._margin()

    def _margin(self) -> str:
        return f"\r\x1b[{self._left}C" if self._left else "\r"

"""What passes rows without findings in bulk, so that `examine_row` need not look at them."""

from array import array
from collections.abc import Callable, Iterator
from typing import Protocol

from sftc.dataset.chunks import SPACE

Examine = Callable[[int, int, bytes], bool]
"""Called with the index of a line in its chunk, its offset, and the line without its break and the blanks
before that. Returns whether the line is a row without findings."""


class Sieve(Protocol):
    """Sifts the lines of chunks, and remembers what it learns from one chunk to the next."""

    def sift(self, data: bytes, lines: int, examine: Examine) -> "array[int]":
        """Call `examine` for the lines that may have findings, in order, and return a digest of each line.

        Args:
            data: whole lines, the last of which ends in a line break, too.
            lines: their number.
            examine: what decides.

        Returns:
            A number of 64 bits for each line. Rows that are equal but for the blanks around them have
            the same. That of a blank line means nothing.
        """


def each_line(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the index, the offset and the text of each line of `data`, which ends in a line break."""
    at = start = 0
    while start < len(data):
        stop = data.index(b"\n", start)
        yield at, start, data[start:stop].rstrip(SPACE)
        at, start = at + 1, stop + 1

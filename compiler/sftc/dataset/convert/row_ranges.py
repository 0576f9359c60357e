"""Numbers of rows as ranges, in bounded memory."""

from typing import Final

_KEPT: Final = 1000
_SHOWN: Final = 10


class RowRanges:
    """Numbers of rows or lines, which are added in order.

    Attributes:
        number: how many were added.
        ranges: the first and last number of each range; the first thousand of them.
    """

    def __init__(self) -> None:
        self.number = 0
        self.ranges: list[tuple[int, int]] = []

    def add(self, place: int) -> None:
        """Add the number of a row."""
        self.number += 1
        if self.ranges and self.ranges[-1][1] == place - 1:
            self.ranges[-1] = (self.ranges[-1][0], place)
        elif len(self.ranges) < _KEPT:
            self.ranges.append((place, place))

    @property
    def kept(self) -> int:
        """How many numbers are in `ranges`."""
        return sum(last - first + 1 for first, last in self.ranges)

    def text(self, noun: str) -> str:
        """Return the numbers with their noun.

        >>> rows = RowRanges()
        >>> for number in [3, *range(5, 10)]:
        ...     rows.add(number)
        >>> rows.text("line")
        'lines 3, 5-9'
        """
        shown = [f"{a:,}" if a == b else f"{a:,}-{b:,}" for a, b in self.ranges[:_SHOWN]]
        left = self.number - sum(b - a + 1 for a, b in self.ranges[:_SHOWN])
        more = f" and {left:,} more" if left else ""
        return f"{noun}{'s' * (self.number > 1)} {', '.join(shown)}{more}"

"""An interval: the least, the expected and the most of something."""

from typing import NamedTuple


class Interval(NamedTuple):
    """Three numbers in order. Sums and products are taken bound by bound."""

    low: float
    expected: float
    high: float

    @classmethod
    def exact(cls, number: float) -> "Interval":
        """Return the interval that has one number."""
        return cls(number, number, number)

    def plus(self, other: "Interval") -> "Interval":
        """Return the sum."""
        return Interval(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, low: float, expected: float, high: float) -> "Interval":
        """Return each bound times its factor."""
        return Interval(self.low * low, self.expected * expected, self.high * high)

    def most(self, other: "Interval") -> "Interval":
        """Return the larger of the two, bound by bound."""
        return Interval(*map(max, self, other))


NOTHING = Interval(0, 0, 0)


def total(intervals: "list[Interval]") -> Interval:
    """Return the sum of intervals."""
    made = NOTHING
    for each in intervals:
        made = made.plus(each)
    return made

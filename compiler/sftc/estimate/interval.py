"""A number that is known within bounds."""

from collections.abc import Iterable
from typing import NamedTuple


class Interval(NamedTuple):
    """The least, the expected and the most that a number is."""

    low: float
    expected: float
    high: float

    def times(self, factor: float) -> "Interval":
        """Return the interval of the number times `factor`."""
        return Interval(*(each * factor for each in self))

    def of(self, whole: "Interval") -> "Interval":
        """Return the interval of this share of `whole`."""
        return Interval(*(share * number for share, number in zip(self, whole, strict=True)))


NOTHING = Interval(0.0, 0.0, 0.0)


def exactly(number: float) -> Interval:
    """Return the interval of a number that is known."""
    return Interval(number, number, number)


def summed(parts: Iterable[Interval]) -> Interval:
    """Return the interval of a sum: of all least numbers, all expected ones and all greatest."""
    return Interval(*(sum(each) for each in zip(NOTHING, *parts, strict=True)))


def greatest(of: Iterable[Interval]) -> Interval:
    """Return the interval of the greatest of several numbers."""
    return Interval(*(max(each) for each in zip(*of, strict=True)))

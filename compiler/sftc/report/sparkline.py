"""Line charts drawn in one line of text."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Final

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 40


def sparkline(values: Sequence[float]) -> str:
    """Return `values` as a line chart of at most 40 characters.

    Each character shows the mean of an equal share of the values. Infinities and NaNs are left out.
    """
    values = [value for value in values if isfinite(value)]
    width = min(len(values), _WIDTH)
    edges = [len(values) * at // width for at in range(width + 1)] if width else [0]
    means = [sum(values[start:end]) / (end - start) for start, end in pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    if low == high:
        return _LEVELS[0] * width
    return "".join(_LEVELS[round((mean - low) / (high - low) * (len(_LEVELS) - 1))] for mean in means)

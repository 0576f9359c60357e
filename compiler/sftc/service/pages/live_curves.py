"""Curves of a job's metrics as the page draws them: coordinates of an SVG, never more than it can show."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import floor, log10
from typing import Any, Final, NamedTuple

WIDTH: Final = 420
HEIGHT: Final = 150

_BINS: Final = 320
"""A longer curve is drawn by the least and the greatest value of each of so many parts."""

_LARGEST: Final = 1e300
"""Differences and sixths of numbers up to this one, and down to its inverse, are numbers."""

_FIRST: Final = ("loss", "learning_rate")
"""The panels that come first."""

Point = tuple[int, float]


class Tick(NamedTuple):
    """A label of an axis at `at`, in the units of the SVG."""

    at: float
    text: str


class Curve(NamedTuple):
    """One metric.

    Attributes:
        name: its name.
        steps: the step of each corner of its line.
        values: the value of each corner, as a person reads it.
        path: the line, as an SVG has it.
        end: where the line ends.
        best: its lowest value, and the step of it.
    """

    name: str
    steps: list[str]
    values: list[str]
    path: str
    end: tuple[float, float]
    best: str


class Panel(NamedTuple):
    """The metrics that share axes, such as `train.loss` and `val.loss`."""

    title: str
    curves: list[Curve]
    across: list[Tick]
    up: list[Tick]


class Measurements:
    """All points of a job that have been read so far. A point replaces one of the same name and step."""

    def __init__(self) -> None:
        self.number = 0
        self._points: dict[str, dict[int, float]] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add points, each with a `number`, a `name`, a `step` and a `value`."""
        for row in rows:
            self._points.setdefault(row["name"], {})[row["step"]] = row["value"]
            self.number = max(self.number, row["number"])

    def panels(self) -> list[Panel]:
        """Return the panels, loss and learning rate first."""
        groups: dict[str, dict[str, list[Point]]] = {}
        for name in sorted(self._points):
            groups.setdefault(name.rpartition(".")[2], {})[name] = sorted(self._points[name].items())
        first = {title: number for number, title in enumerate(_FIRST)}
        titles = sorted(groups, key=lambda title: (first.get(title, len(first)), title))
        return [_panel(title, groups[title]) for title in titles]


def _panel(title: str, lines: Mapping[str, Sequence[Point]]) -> Panel:
    left, right = min(line[0][0] for line in lines.values()), max(line[-1][0] for line in lines.values())
    heights = [_height(value) for line in lines.values() for _, value in line]
    low, high = min(heights), max(heights)
    if high - low <= 1e-5 * max(abs(low), abs(high)):  # flat, or too flat for short labels that differ
        low, high = (low - 0.5 * abs(low), high + 0.5 * abs(high)) if low else (-1.0, 1.0)

    def place(step: int, height: float) -> tuple[float, float]:
        across = (step - left) / (right - left) if right > left else 1.0
        return round(across * WIDTH, 1), round(HEIGHT - (height - low) / (high - low) * HEIGHT, 1)

    curves = []
    for name, line in lines.items():
        corners = thinned(line)
        places = [place(step, _height(value)) for step, value in corners]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
        steps, values = [f"{step:,}" for step, _ in corners], [figure(value) for _, value in corners]
        least = min(line, key=lambda point: point[1])
        best = f"lowest {figure(least[1])} at step {least[0]:,}"
        curves.append(Curve(name, steps, values, path, places[-1], best))
    across = [Tick(place(step, low)[0], f"{step:,}") for step in dict.fromkeys((left, right))]
    rounded = _round_values(low, high)
    up = [Tick(place(left, each)[1], figure(each, _digits(rounded))) for each in rounded]
    return Panel(title.replace("_", " ").capitalize(), curves, across, up)


def _height(value: float) -> float:
    """Return the value that `value` is drawn as."""
    return 0.0 if abs(value) < 1 / _LARGEST else max(-_LARGEST, min(value, _LARGEST))


def thinned(line: Sequence[Point], bins: int = _BINS) -> list[Point]:
    """Return the points of a line that can be seen: of each part, the least and the greatest.

    The first and the last point are kept, and so is every peak.
    """
    if len(line) <= 2 * bins:
        return [*line]
    found = [line[0]]
    size = len(line) / bins
    for number in range(bins):
        part = line[int(number * size) : int((number + 1) * size)]
        ends = {min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])}
        found += sorted(ends)
    return [*dict.fromkeys([*found, line[-1]])]


def figure(value: float, digits: int = 4) -> str:
    """Return a number in a few significant digits; whole numbers below a billion have all of theirs.

    >>> figure(1.23456), figure(0.00015), figure(12345.6), figure(1e30), figure(0.0)
    ('1.235', '1.5e-4', '12,346', '1e30', '0')
    >>> figure(1.23456, 5), figure(12345.6, 6)
    ('1.2346', '12,345.6')
    """
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.{max(digits - 1 - floor(log10(abs(value))), 0)}f}"
    if abs(value) >= 1e9 or 0 < abs(value) < 1e-3:
        number, _, power = f"{value:.{digits - 1}e}".partition("e")
        return f"{float(number):.{digits}g}e{int(power)}"
    return f"{value:.{digits}g}"


def _digits(values: Sequence[float]) -> int:
    """Return how many digits round values need so that no two are written alike, at least four.

    >>> _digits([0.1, 0.2]), _digits([1.23414, 1.23416])
    (4, 6)
    """
    apart = min((abs(other - one) for one, other in pairwise(values)), default=1.0)
    largest = max(map(abs, values), default=1.0)
    return max(4, floor(log10(largest)) - floor(log10(apart) + 1e-9) + 1)


def _round_values(low: float, high: float) -> list[float]:
    """Return three to six round values from `low` to `high`."""
    rough = (high - low) / 6
    power = 10.0 ** floor(log10(rough))
    unit = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first = floor(low / unit)
    values = [round(number * unit, 12 - floor(log10(unit))) for number in range(first, first + 9)]
    return [each for each in values if low <= each <= high]

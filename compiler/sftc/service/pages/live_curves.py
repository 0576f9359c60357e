"""Curves of a job's metrics as the page draws them: coordinates of an SVG, never more than it can show."""

from collections.abc import Iterable, Mapping, Sequence
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
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # flat, or too flat for labels that differ
        low, high = (low - 0.5 * abs(low), high + 0.5 * abs(high)) if low else (-1.0, 1.0)

    def place(point: Point) -> tuple[float, float]:
        across = (point[0] - left) / (right - left) if right > left else 1.0
        return round(across * WIDTH, 1), round(HEIGHT - (_height(point[1]) - low) / (high - low) * HEIGHT, 1)

    curves = []
    for name, line in lines.items():
        corners = thinned(line)
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in map(place, corners))
        steps, values = [f"{step:,}" for step, _ in corners], [figure(value) for _, value in corners]
        least = min(line, key=lambda point: point[1])
        best = f"lowest {figure(least[1])} at step {least[0]:,}"
        curves.append(Curve(name, steps, values, path, place(line[-1]), best))
    across = [Tick(place((step, low))[0], f"{step:,}") for step in dict.fromkeys((left, right))]
    up = [Tick(place((left, each))[1], figure(each)) for each in _round_values(low, high)]
    return Panel(title.replace("_", " ").capitalize(), curves, across, up)


def _height(value: float) -> float:
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


def figure(value: float) -> str:
    """Return a number in four digits.

    >>> figure(1.23456), figure(0.00015), figure(12345.6), figure(1e30), figure(0.0)
    ('1.235', '1.5e-4', '12,346', '1e30', '0')
    """
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    if abs(value) >= 1e9 or 0 < abs(value) < 1e-3:
        digits, _, power = f"{value:.3e}".partition("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{value:.4g}"


def _round_values(low: float, high: float) -> list[float]:
    """Return three to six round values from `low` to `high`."""
    rough = (high - low) / 6
    power = 10.0 ** floor(log10(rough))
    unit = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first = floor(low / unit)
    values = [round(number * unit, 12 - floor(log10(unit))) for number in range(first, first + 9)]
    return [each for each in values if low <= each <= high]

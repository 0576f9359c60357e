"""The curves of a page show all that can be seen of a job's metrics."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sftc.service.pages.live_curves import HEIGHT, WIDTH, Measurements, Panel, figure, thinned

VALUES = st.floats(allow_nan=False, allow_infinity=False)


def measured(lines: dict[str, list[tuple[int, float]]]) -> list[Panel]:
    """Return the panels of these points."""
    found = Measurements()
    points = [(name, *point) for name, line in lines.items() for point in line]
    for number, (name, step, value) in enumerate(points, 1):
        row: dict[str, Any] = {"number": number, "name": name, "step": step, "value": value}
        found.add([row])
    assert found.number == len(points)
    return found.panels()


def places(path: str) -> list[tuple[float, float]]:
    """Return the corners of the path of a line."""
    assert re.fullmatch(r"M[-\d. ]+(L[-\d. ]+)*", path), path
    corners = [tuple(map(float, corner.split(" "))) for corner in path[1:].split("L")]
    return [(x, y) for x, y in corners]


def test_loss_and_learning_rate_come_first_and_losses_share_a_panel() -> None:
    names = ["train.grad_norm", "val.loss", "train.learning_rate", "train.loss"]
    panels = measured({name: [(1, 1.0), (2, 2.0)] for name in names})
    assert [panel.title for panel in panels] == ["Loss", "Learning rate", "Grad norm"]
    assert [curve.name for curve in panels[0].curves] == ["train.loss", "val.loss"]


def test_a_point_replaces_that_of_the_same_step() -> None:
    """As after a crash, when steps are repeated."""
    [panel] = measured({"a": [(1, 5.0), (2, 4.0), (1, 1.0)]})
    assert panel.curves[0].best == "lowest 1 at step 1"


@given(st.dictionaries(st.integers(0, 2**53), VALUES, min_size=1, max_size=40))
@example({0: 1.5e308, 1: 1.5e308})
@example({0: -1.7e308, 1: 1.7e308})
@example({0: 0.0, 1: 5e-324})
@example({0: 1e-300, 1: 1.0000001e-300})
@example({0: 1.2341, 1: 1.2342})
@example({0: 12345.1, 1: 12345.3})
@example({0: -0.0001001, 1: -0.0001002})
def test_all_points_are_inside_the_panel_and_labels_are_apart(line: dict[int, float]) -> None:
    [panel] = measured({"a": [*line.items()]})
    corners = places(panel.curves[0].path)
    assert len(corners) == len(line)
    for x, y in corners:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert [x for x, _ in corners] == sorted(x for x, _ in corners)
    assert len(panel.up) <= 8
    assert len({tick.text for tick in panel.up}) == len(panel.up)
    assert all(0 <= tick.at <= HEIGHT for tick in panel.up)


@given(VALUES, st.floats(1e-7, 1e-2))
def test_labels_of_a_curve_that_is_nearly_flat_are_apart(value: float, share: float) -> None:
    [panel] = measured({"a": [(1, value), (2, value * (1 - share))]})
    assert len({tick.text for tick in panel.up}) == len(panel.up) > 1
    assert all(len(tick.text) <= 14 for tick in panel.up)


@pytest.mark.parametrize("peak", [0, 1, 4321, 9998, 9999])
def test_a_long_curve_keeps_its_ends_and_every_peak(peak: int) -> None:
    line = [(step, 100.0 if step == peak else step % 7 / 7) for step in range(10_000)]
    kept = thinned(line)
    assert len(kept) < 1000
    assert kept == sorted(kept)
    assert {line[0], line[peak], line[-1]} <= {*kept}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.23456, "1.235"),
        (-0.00015, "-1.5e-4"),
        (12345.6, "12,346"),
        (2.5e12, "2.5e12"),
        (1e30, "1e30"),
    ],
)
def test_a_figure_has_four_digits(value: float, text: str) -> None:
    assert figure(value) == text

"""The progress of a job on a terminal."""

import io
from contextlib import redirect_stderr
from typing import Any

import pytest
from click import unstyle

from sftc.cli.watch import Watch


class Terminal(io.StringIO):
    """A terminal that records its output."""

    def isatty(self) -> bool:
        """Return true."""
        return True


def begun(step: int, **said: Any) -> dict[str, Any]:
    return {"type": "training", "message": "it begins", "data": {"steps": 40, "step": step}, **said}


def point(step: int, **said: Any) -> dict[str, Any]:
    return {"name": "train.loss", "step": step, "value": 2.5, **said}


def test_the_remaining_time_uses_the_clock_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with redirect_stderr(Terminal()) as terminal:
        watch = Watch()
        watch.event(begun(10, created_at="2026-01-01T00:00:00+00:00"))
        watch.point(point(11, created_at="2026-01-01T00:00:10+00:00"))
        watch.point(point(20, created_at="2026-01-01T00:01:40+00:00"))
        watch.end()
    *_, moving, final, _ = terminal.getvalue().split("\r\x1b[2K")
    progress = f"{'━' * 10}{'─' * 10} step 20 of 40"
    assert moving == f"{progress}, 0:03:20 left: train.loss 2.5"
    assert unstyle(final) == f"sftc: {progress}: train.loss 2.5\n"


@pytest.mark.parametrize("moment", [{}, {"created_at": None}, {"created_at": "soon"}, {"created_at": 5}])
def test_there_is_no_remaining_time_without_timestamps(moment: dict[str, Any]) -> None:
    with redirect_stderr(Terminal()) as terminal:
        watch = Watch()
        watch.event(begun(0, **moment))
        watch.point(point(20, created_at="2026-01-01T00:00:20+00:00"))
        watch.point(point(30, **moment))
    assert "step 30 of 40: " in terminal.getvalue()
    assert "left" not in terminal.getvalue()

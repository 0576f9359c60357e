"""The one place where tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def eventually(look: Callable[[], _Found | None], seconds: float = 60) -> _Found:
    """Return what `look` finds, once that is something; it is an error if it is nothing in time."""
    end, pause = time.monotonic() + seconds, 0.01
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return found

"""The only place where tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def eventually(look: Callable[[], _Found | None], seconds: float = 60) -> _Found:
    """Call `look` until it returns something true, and return it. Fail after `seconds`."""
    end, pause = time.monotonic() + seconds, 0.01
    while not (found := look()):
        assert time.monotonic() < end, f"nothing found within {seconds} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return found

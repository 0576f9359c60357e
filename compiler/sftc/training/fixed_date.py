"""Chat templates that print the date print that of the job."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from importlib import import_module
from typing import Any


@contextmanager
def fixed_date(date: str) -> Iterator[None]:
    """Make the function `strftime_now` of chat templates return the start of the day `date`.

    transformers reads the clock of the machine in it, and lets no caller pass another function.
    """
    theirs: Any = import_module("transformers.utils.chat_template_utils")

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Fixed":  # noqa: ARG003  any time zone
            return cls.fromisoformat(date)

    clock = theirs.datetime
    theirs.datetime = Fixed
    try:
        yield
    finally:
        theirs.datetime = clock

"""Chat templates that print the date print that of the job."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo


@contextmanager
def fixed_date(date: str) -> Iterator[None]:
    """Make the function `strftime_now` of chat templates return the start of the day `date`.

    transformers reads the clock of the machine in it, and lets no caller pass another function.
    """
    from transformers.utils import chat_template_utils

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Fixed":  # noqa: ARG003  any time zone
            return cls.fromisoformat(date)

    clock = chat_template_utils.datetime
    chat_template_utils.datetime = Fixed  # type: ignore[misc]  # a class of theirs, for ours
    try:
        yield
    finally:
        chat_template_utils.datetime = clock  # type: ignore[misc]  # as above

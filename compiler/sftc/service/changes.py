"""Tells open pages that something has changed, so that they need not ask."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Changes:
    """Those who wait for changes. It belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, str | None] = {}

    def tell(self, id: str) -> None:
        """Wake up whoever waits for a change of the job or file `id`."""
        for event, wanted in self._waiting.items():
            if wanted in {None, id}:
                event.set()

    @contextmanager
    def watched(self, id: str | None) -> Iterator[asyncio.Event]:
        """Provide an event that is set at each change of the job `id`, or of anything if it is `None`."""
        event = asyncio.Event()
        self._waiting[event] = id
        try:
            yield event
        finally:
            del self._waiting[event]

"""Server-sent events: the parts of a page that have changed, as HTML.

Each stream begins with the parts that differ from what the page shows, so a stream that drops misses
nothing. The id of a message is the digest of all parts; the browser sends it back when it reconnects.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from sftc.service.changes import Changes

Parts = Mapping[str, str]
"""The HTML of each part of a page that can change, by the id of its element."""

IS_STREAM: Final = "is_stream"
"""The entry in the state of a request whose response is such a stream."""

_PAUSE: Final = 0.5
"""Seconds between two looks at most: changes in between are sent together."""

_SHARE: Final = 10
"""A look that takes long is followed by a pause that is this many times longer."""

_ALIVE: Final = 15.0
"""Seconds after which a message without content shows that the connection is alive."""


def state_of(parts: Parts) -> str:
    """Return the digest of all parts of a page."""
    return hashlib.sha256(json.dumps([*parts.items()]).encode()).hexdigest()[:16]


async def part_messages(
    changes: Changes, id: str | None, look: Callable[[], Parts], seen: str
) -> AsyncIterator[str]:
    """Yield a message for each change of a page, as `text/event-stream` has them.

    Args:
        changes: tells of changes.
        id: the job whose changes count; `None` for all changes.
        look: returns the parts as they are now.
        seen: the state that the page shows; see `state_of`.
    """
    sent: Parts = {}
    with changes.watched(id) as changed:
        yield "retry: 1000\n\n"
        while True:
            changed.clear()
            began = time.monotonic()
            parts = look()
            state = state_of(parts)
            new = {name: html for name, html in parts.items() if sent.get(name) != html}
            if state != seen and new:
                yield f"id: {state}\ndata: {json.dumps(new)}\n\n"
            sent, seen = parts, state
            await asyncio.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))
            while not await _is_set(changed):
                yield ": alive\n\n"


async def _is_set(event: asyncio.Event) -> bool:
    """Return whether an event is set within `_ALIVE` seconds."""
    try:
        async with asyncio.timeout(_ALIVE):
            await event.wait()
    except TimeoutError:
        return False
    return True

"""Reads the first rows of a training file, byte for byte."""

from collections.abc import Iterator

from sftc.dataset.chunks import Cutter, unread
from sftc.dataset.streams import UnreadableError, opened


def head(path: str, number: int | None) -> Iterator[bytes]:
    """Yield the first `number` rows of a training file in pieces of bytes, or all rows for `None`.

    Blank lines are included, but do not count.

    Raises:
        UnreadableError: the file cannot be read up to that row.
    """
    with opened(path) as file:
        cutter = Cutter(file.stream, number)
        for chunk in cutter:
            if chunk.skipped:
                raise UnreadableError(
                    f"line {chunk.line:,} has {chunk.skipped:,} bytes, which is too large to read"
                )
            yield chunk.data
        if cutter.damage is not None:
            raise UnreadableError(unread(cutter))

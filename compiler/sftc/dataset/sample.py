"""Reads the first rows of a training file: byte for byte, or as lines."""

from collections.abc import Iterator

from sftc.dataset.chunks import SPACE, Chunk, Cutter, unread
from sftc.dataset.excerpt import Line
from sftc.dataset.file_kind import BOM
from sftc.dataset.streams import UnreadableError, opened


def head(path: str, number: int | None) -> Iterator[bytes]:
    """Yield the first `number` rows of a training file in pieces of bytes, or all rows for `None`.

    Blank lines are included, but do not count.

    Raises:
        UnreadableError: the file cannot be read up to that row.
    """
    return (chunk.data for chunk in _chunks(path, number))


def rows_of(path: str) -> Iterator[Line]:
    """Yield the lines of a training file that are not blank.

    Raises:
        UnreadableError: the file cannot be read up to that row.
    """
    return (line for chunk in _chunks(path, None) for line in lines_of(path, chunk) if line.data)


def _chunks(path: str, number: int | None) -> Iterator[Chunk]:
    with opened(path) as file:
        cutter = Cutter(file.stream, number)
        for chunk in cutter:
            if chunk.skipped:
                raise UnreadableError(
                    f"line {chunk.line:,} has {chunk.skipped:,} bytes, which is too large to read"
                )
            yield chunk
        if cutter.damage is not None:
            raise UnreadableError(unread(cutter))


def lines_of(name: str, chunk: Chunk) -> Iterator[Line]:
    """Yield the lines of a chunk, without spaces at their ends. Blank lines are empty."""
    data, byte = chunk.data, chunk.byte
    if byte == 0 and data.startswith(BOM):
        data, byte = data[len(BOM) :], byte + len(BOM)
    for number, line in enumerate(data.split(b"\n"), chunk.line):
        yield Line(name, number, byte, line.rstrip(SPACE))
        byte += len(line) + 1

"""Cuts a stream into chunks of whole lines and hashes it, in bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple

from stringzilla import count

from sftc.dataset.file_kind import BOM
from sftc.dataset.hashing import Sha256
from sftc.dataset.streams import DAMAGE, Stream

MAX_ROW = 64 << 20
"""Maximum size of a row in bytes."""

CHUNK = 512 << 10
"""Maximum size of a chunk in bytes. Only a chunk of a single longer row exceeds it."""

SPACE = b" \t\r\n"
"""The white space of JSON."""


class Chunk(NamedTuple):
    """Whole lines of a file.

    Attributes:
        data: the lines. They end in a line break, except at the end of the file.
        lines: their number.
        line: the number of the first line, counted from 1.
        byte: the offset of the first line in the file, in bytes.
        skipped: the size in bytes of a row that is too large to read. `data` is then empty.
    """

    data: bytes
    lines: int
    line: int
    byte: int
    skipped: int = 0


class Bounds(NamedTuple):
    """Limits that keep memory bounded while files are read.

    Attributes:
        chunk: the size of a chunk in bytes.
        row: the maximum size of a row in bytes.
        digests: the maximum number of rows that are remembered to find duplicates.
        alone: the number of chunks that are checked in one process and one thread at least. A small
            file needs no others.
        patience: the seconds of work on a chunk up to which no other process is started. If the work
            is quick, passing it on costs more than it saves.
    """

    chunk: int = CHUNK
    row: int = MAX_ROW
    digests: int = 1 << 21
    alone: int = 8
    patience: float = 0.001


class Cutter:
    """Iterates over the chunks of `stream`, up to `limit` rows in all.

    Attributes:
        lines: the number of lines cut so far.
        length: the number of bytes cut so far.
        damage: the error that ended the stream early, or `None`.

    With more than one job, a thread hashes while the caller works on the chunks. `close` ends it.
    """

    def __init__(
        self,
        stream: Stream,
        limit: int | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008  it cannot be changed
        jobs: int = 1,
    ) -> None:
        self._stream = stream
        self._left = limit
        self._hash = Sha256(bounds.alone * bounds.chunk if jobs > 1 else None)
        self._most = bounds.row
        self._size = min(bounds.chunk, bounds.row + 1)
        self._buffer = bytearray(self._size)
        self._held = 0
        self.lines = 0
        self.length = 0
        self.damage: Exception | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of all bytes cut so far, as `sha256:` and hexadecimal digits."""
        return f"sha256:{self._hash.hexdigest()}"

    def close(self) -> None:
        """Stop hashing."""
        self._hash.close()

    def __iter__(self) -> Iterator[Chunk]:
        while self._left is None or self._left > 0:
            is_last = not self._fill()
            end = self._held if is_last else self._buffer.rfind(b"\n", 0, self._held) + 1
            if not end and not is_last:
                if len(self._buffer) <= self._most:
                    more = min(len(self._buffer), self._most + 1 - len(self._buffer))
                    self._buffer.extend(bytes(more))
                else:
                    yield self._skip()
                continue
            data = self._take(end)
            if self._left is not None:
                data = self._limited(data)
            if data:
                yield self._cut(data)
            if is_last:
                return

    def _fill(self) -> bool:
        """Fill the buffer, and return whether there may be more to read."""
        with memoryview(self._buffer) as view:
            while self._held < len(view):
                try:
                    read = self._stream.readinto(view[self._held :])
                except DAMAGE as error:
                    self.damage = error
                    self._held = self._buffer.rfind(b"\n", 0, self._held) + 1
                    return False
                if not read:
                    return False
                self._held += read
        return True

    def _take(self, end: int) -> bytes:
        """Remove the first `end` bytes from the buffer and return them."""
        with memoryview(self._buffer) as view:
            data, rest = bytes(view[:end]), bytes(view[end : self._held])
        if len(self._buffer) > self._size:
            self._buffer = bytearray(max(self._size, len(rest)))
        self._buffer[: len(rest)] = rest
        self._held = len(rest)
        return data

    def _skip(self) -> Chunk:
        """Skip a row that is too large, and return a chunk that gives its size."""
        begin, end = self.length, 0
        while not end:
            self._discard(self._held)
            more = self._fill()
            end = self._buffer.find(b"\n", 0, self._held) + 1
            if not more and not end:
                end = self._held
                break
        self._discard(end)
        self.lines += 1
        if self._left is not None:
            self._left -= 1
        return Chunk(b"", 1, self.lines, begin, skipped=self.length - begin)

    def _discard(self, end: int) -> None:
        data = self._take(end)
        self._hash.update(data)
        self.length += len(data)

    def _limited(self, data: bytes) -> bytes:
        """Return `data` up to the last row within the limit. Blank lines do not count."""
        assert self._left is not None  # noqa: S101  for mypy
        at = 0
        while self._left and at < len(data):
            end = data.find(b"\n", at) + 1 or len(data)
            line = data[at:end].removeprefix(BOM) if self.length + at == 0 else data[at:end]
            self._left -= bool(line.strip(SPACE))
            at = end
        return data[:at]

    def _cut(self, data: bytes) -> Chunk:
        lines = count(data, b"\n") + (not data.endswith(b"\n"))
        chunk = Chunk(data, lines, self.lines + 1, self.length)
        self._hash.update(data)
        self.length += len(data)
        self.lines += lines
        return chunk


def unread(cutter: Cutter) -> str:
    """Return the message about the error that ended the stream of `cutter` early."""
    error = cutter.damage
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read after line {cutter.lines:,}: {reason or error or type(error).__name__}"

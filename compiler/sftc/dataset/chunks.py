"""A stream cut into chunks of whole lines, hashed as it is read, in bounded memory."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from stringzilla import count

from sftc.dataset.streams import DAMAGE, Stream

MAX_ROW = 64 << 20
"""The maximum bytes of a row."""

CHUNK = 512 << 10
"""The bytes of a chunk, unless one row is longer."""

BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"


class Chunk(NamedTuple):
    """Whole lines of a file: `data` ends in a line break, or where the file does.

    The first line has the number `line`, from 1, and begins `byte` bytes into the file.
    `skipped` is the length of a row that is too large to be read, with no data then.
    """

    data: bytes
    line: int
    byte: int
    skipped: int = 0


class Bounds(NamedTuple):
    """What keeps the reading of files in bounded memory.

    `chunk` is the bytes of a chunk, `row` the maximum bytes of a row, `digests` the maximum number of
    rows that are remembered to find duplicates, `alone` the number of chunks that are checked
    before other processes start: a small file needs none.
    """

    chunk: int = CHUNK
    row: int = MAX_ROW
    digests: int = 1 << 21
    alone: int = 8


class Cutter:
    """Cuts `stream` into chunks of about `bounds.chunk` bytes, up to `limit` rows in all.

    `length` is how many bytes were cut, `lines` how many lines. `damage` is the error that ended
    the stream early.
    """

    def __init__(self, stream: Stream, limit: int | None = None, bounds: Bounds = Bounds()) -> None:  # noqa: B008  it cannot be changed
        self._stream = stream
        self._left = limit
        self._hash = hashlib.sha256()
        self._most = bounds.row
        self._size = min(bounds.chunk, bounds.row + 1)
        self._buffer = bytearray(self._size)
        self._held = 0
        self.lines = 0
        self.length = 0
        self.damage: Exception | None = None

    @property
    def digest(self) -> str:
        """`sha256:` and the digest of what was cut, in hexadecimal."""
        return f"sha256:{self._hash.hexdigest()}"

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
        """Read until the buffer is full; return whether there may be more to read."""
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
        """Return the first `end` bytes of the buffer, and keep the others for the next time."""
        with memoryview(self._buffer) as view:
            data, rest = bytes(view[:end]), bytes(view[end : self._held])
        if len(self._buffer) > self._size:
            self._buffer = bytearray(max(self._size, len(rest)))
        self._buffer[: len(rest)] = rest
        self._held = len(rest)
        return data

    def _skip(self) -> Chunk:
        """Read on to the end of a row that is too large."""
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
        return Chunk(b"", self.lines, begin, skipped=self.length - begin)

    def _discard(self, end: int) -> None:
        data = self._take(end)
        self._hash.update(data)
        self.length += len(data)

    def _limited(self, data: bytes) -> bytes:
        """Return `data` up to the last row that is wanted."""
        assert self._left is not None  # noqa: S101  for mypy
        at = 0
        while self._left and at < len(data):
            end = data.find(b"\n", at) + 1 or len(data)
            line = data[at:end].removeprefix(BOM) if self.length + at == 0 else data[at:end]
            self._left -= bool(line.strip(_BLANK))
            at = end
        return data[:at]

    def _cut(self, data: bytes) -> Chunk:
        chunk = Chunk(data, self.lines + 1, self.length)
        self._hash.update(data)
        self.length += len(data)
        self.lines += count(data, b"\n") + (not data.endswith(b"\n"))
        return chunk


def unread(cutter: Cutter) -> str:
    """Return the message about a file that was read up to where it is damaged."""
    error = cutter.damage
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read beyond line {cutter.lines:,}: {reason or error or type(error).__name__}"

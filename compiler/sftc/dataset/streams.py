"""Opens training files as streams of bytes: plain, gzip, Zstandard, or standard input."""

import gzip
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader, FileIO
from typing import Any, Final, Protocol

from sftc.text.source import STDIN

ARCHIVES: Final = (".gz", ".zst")

_BUFFER: Final = 1 << 18


class Stream(Protocol):
    """A stream of bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read bytes into `buffer` and return their number, 0 at the end."""


class DamagedError(Exception):
    """A compressed stream is damaged. The message gives the reason."""


DAMAGE: Final = (EOFError, OSError, zlib.error, DamagedError)
"""The exceptions that reading a stream can raise."""


class UnreadableError(Exception):
    """A training file cannot be read to its end. The message gives the reason."""


class Opened:
    """An open training file.

    Attributes:
        path: the path as given.
        size: the size on disk in bytes, or `None` for a pipe.
        stream: the JSON Lines, decompressed.
    """

    def __init__(self, path: str, raw: FileIO) -> None:
        self.path = path
        self._raw = raw
        status = None if path == STDIN else os.fstat(raw.fileno())
        self.size = status.st_size if status and stat.S_ISREG(status.st_mode) else None
        self._before = status and _identity(status)
        self.stream: Stream = _decompressed(path, raw)

    @property
    def position(self) -> int:
        """The number of bytes of the file on disk that have been read; 0 for a pipe."""
        return self._raw.tell() if self.size is not None else 0

    def changed(self) -> str | None:
        """Return how the file changed after it was opened, or `None` if it did not."""
        if self.size is None:
            return None
        status = os.fstat(self._raw.fileno())
        if status.st_size != self.size:
            return f"it had {self.size:,} bytes when it was opened and has {status.st_size:,} now"
        if _identity(status) != self._before:
            return "it was modified"
        return None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _decompressed(path: str, raw: FileIO) -> Stream:
    if path.endswith(".gz"):
        return _Gzip(fileobj=BufferedReader(raw, _BUFFER))
    if path.endswith(".zst"):
        return _zstandard(BufferedReader(raw, _BUFFER))
    return raw


class _Gzip(gzip.GzipFile):
    def readinto(self, buffer: Any) -> int:
        return self.readinto1(buffer)  # `readinto` would lose the rows before the damage


def _zstandard(raw: BufferedReader) -> Stream:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        import backports.zstd as zstd  # noqa: PLR0402  so that the error names the missing package

    class File(zstd.ZstdFile):
        def readinto(self, buffer: Any) -> int:
            try:
                return self.readinto1(buffer)
            except zstd.ZstdError as error:
                raise DamagedError(str(error)) from error

    return File(raw)


@contextmanager
def opened(path: str) -> Iterator[Opened]:
    """Open the training file at `path`, or standard input for `-`.

    Raises:
        UnreadableError: the file cannot be opened, or is a folder or a device.
    """
    if path == STDIN and sys.stdin is None:
        raise UnreadableError("cannot be read: standard input is closed")
    try:
        raw: Any = sys.stdin.buffer if path == STDIN else open(path, "rb", buffering=0)  # noqa: SIM115  closed below
        mode = stat.S_IFIFO if path == STDIN else os.fstat(raw.fileno()).st_mode
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise UnreadableError(f"cannot be read: {error}") from error
    with nullcontext(raw) if path == STDIN else raw:
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise UnreadableError("cannot be read: it is a device, not a file")
        yield Opened(path, raw)

"""Opens training files as streams of bytes: plain, gzip, Zstandard, or standard input."""

import gzip
import os
import shlex
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader, FileIO
from typing import Any, Final, Protocol

from sftc.dataset.file_kind import BINARY, GZIP, HEAD, PLAIN_TEXT, ZSTANDARD, FileKind, kind_of
from sftc.text.source import STDIN

_ARCHIVES: Final = {kind.suffix: kind for kind in (GZIP, ZSTANDARD) if kind.suffix}

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


class NotJsonLinesError(UnreadableError):
    """A training file is something other than JSON Lines.

    Attributes:
        what: what it is.
        help: what to do.
    """

    def __init__(self, what: str, help: str) -> None:
        self.what = what
        self.help = help
        super().__init__(f"{what}: {help}")


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
        if self.size:
            _check_archive(path, os.pread(raw.fileno(), HEAD, 0))
        self.stream: Stream = _recognized(path, _decompressed(path, raw))

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


def archive_suffix(path: str) -> str | None:
    """Return the ending by which the file at `path` is read as an archive, in lower case, if it has one."""
    lower = path.lower()
    return next((suffix for suffix in _ARCHIVES if lower.endswith(suffix)), None)


def _check_archive(path: str, head: bytes) -> None:
    """Make sure that the name of a file that begins with `head` does not call it an archive that it is not.

    Raises:
        NotJsonLinesError: it does.
    """
    suffix = archive_suffix(path)
    kind = kind_of(head)
    if suffix and kind not in {_ARCHIVES[suffix], BINARY, PLAIN_TEXT}:  # those may be a damaged archive
        what = kind.title if kind else "JSON Lines" * head.lstrip().startswith(b"{")
        if what:
            bare = path[: -len(suffix)]
            help = remedy(kind, bare if kind.suffix else path) if kind else _named(bare)
            raise NotJsonLinesError(f"is named `{suffix}`, but it is {what}", help)


def _recognized(path: str, stream: Stream) -> Stream:
    """Return a stream with the bytes of `stream`, which may be JSON Lines.

    Raises:
        NotJsonLinesError: its first bytes show that it is something else.
    """
    buffer, held, damage = memoryview(bytearray(HEAD)), 0, None
    try:
        while held < HEAD and (read := stream.readinto(buffer[held:])):
            held += read
    except DAMAGE as error:
        damage = error
    head = bytes(buffer[:held])
    if damage is None and (kind := kind_of(head)):
        inside = " inside" * (archive_suffix(path) is not None)
        raise NotJsonLinesError(f"is {kind.title}{inside}, not JSON Lines", remedy(kind, path))
    return _Rejoined(head, damage, stream)


def remedy(kind: FileKind, path: str) -> str:
    """Return what to do with the file at `path`, which is not JSON Lines but of `kind`."""
    if kind.suffix and path != STDIN and archive_suffix(path) != kind.suffix:
        return _named(path + kind.suffix)
    about = [kind.help] if kind.help else []
    if kind.is_convertible:
        about.append(f"run `sftc dataset convert {shlex.quote(path)} --output new.jsonl`")
    if kind.encoding:
        new = f"{os.path.splitext(path)[0]}.utf-8.jsonl"  # not the file itself: the shell would empty it
        command = f"run `iconv -f {kind.encoding} -t UTF-8 {shlex.quote(path)} > {shlex.quote(new)}`"
        is_plain = path != STDIN and archive_suffix(path) is None
        change = command if is_plain else f"convert it from {kind.encoding} to UTF-8"
        about.append(f"if that is right, {change}")
    return "; ".join(about) or "write one JSON object per line, in UTF-8"


def _named(path: str) -> str:
    return f"name it `{os.path.basename(path)}`"


class _Rejoined:
    """A stream whose first bytes were read before."""

    def __init__(self, head: bytes, damage: Exception | None, rest: Stream) -> None:
        self._head = memoryview(head)
        self._damage = damage
        self._rest = rest

    def readinto(self, buffer: memoryview) -> int | None:
        if self._head:
            size = min(len(buffer), len(self._head))
            buffer[:size] = self._head[:size]
            self._head = self._head[size:]
            return size
        if self._damage:
            raise self._damage
        return self._rest.readinto(buffer)


def _decompressed(path: str, raw: FileIO) -> Stream:
    suffix = archive_suffix(path)
    if suffix == GZIP.suffix:
        return _Gzip(fileobj=BufferedReader(raw, _BUFFER))
    if suffix == ZSTANDARD.suffix:
        return _zstandard(BufferedReader(raw, _BUFFER))
    return raw


class _Gzip(gzip.GzipFile):
    def readinto(self, buffer: Any) -> int:
        return self.readinto1(buffer)  # `readinto` would lose the rows before the damage


def zstandard_module() -> Any:
    """Import and return the module that reads and writes Zstandard.

    Raises:
        ModuleNotFoundError: before Python 3.14, a package is needed for it.
    """
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        import backports.zstd as zstd  # noqa: PLR0402  so that the error names the missing package
    return zstd


def _zstandard(raw: BufferedReader) -> Stream:
    zstd = zstandard_module()
    base: Any = zstd.ZstdFile

    class File(base):  # type: ignore[misc]  # one of two packages has it
        def readinto(self, buffer: Any) -> int:
            try:
                size: int = self.readinto1(buffer)
            except zstd.ZstdError as error:
                raise DamagedError(str(error)) from error
            return size

    stream: Stream = File(raw)
    return stream


@contextmanager
def opened(path: str) -> Iterator[Opened]:
    """Open the training file at `path`, or standard input for `-`.

    Raises:
        UnreadableError: the file cannot be opened, is a folder or a device, or is not JSON Lines.
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

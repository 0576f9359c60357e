"""The bytes between an editor and the server: messages of bounded size, each behind its headers."""

import logging
import os
from typing import BinaryIO, Final

_log = logging.getLogger(__name__)

_MOST: Final = 16 << 20
"""The bytes of the longest message that is read. A config has at most 1 MiB, of which JSON may make six."""

_HEADERS: Final = 8 << 10
"""The bytes of the longest headers of a message."""


class NotMessagesError(ValueError):
    """Standard input is not, or not any more, a series of messages. The text is the reason."""


class MessageInput:
    """Standard input as pygls wants it: each message is a line with its length, an empty line, and a body.

    pygls waits forever for headers that are written in another way, and reads messages of any size.
    """

    def __init__(self, stdin: BinaryIO) -> None:
        self._stdin = stdin
        self._lines: list[bytes] = []

    def readline(self) -> bytes:
        """Return the next line of the headers; nothing at the end.

        Raises:
            NotMessagesError: they are not those of a message.
        """
        if not self._lines:
            size = self._next_size()
            if size is None:
                return b""
            self._lines = [b"\r\n", b"Content-Length: %d\r\n" % size]
        return self._lines.pop()

    def read(self, size: int) -> bytes:
        """Return a body of `size` bytes.

        Raises:
            NotMessagesError: the end comes first.
        """
        body = self._stdin.read(size)
        _check_whole(len(body), size)
        return body

    def _next_size(self) -> int | None:
        """Return the size of the next message that is not too long; `None` at the end."""
        while (size := self._size()) is not None and size > _MOST:
            left = size
            while left and (part := self._stdin.read(min(left, _MOST))):
                left -= len(part)
            _check_whole(size - left, size)
            _log.warning(
                "sftc: a message of %s bytes is passed over: at most %s MiB are read",
                f"{size:,}",
                _MOST >> 20,
            )
        return size

    def _size(self) -> int | None:
        """Read the headers of a message, and return its size; `None` at the end."""
        size, left = None, _HEADERS
        while line := self._stdin.readline(left):
            left -= len(line)
            if not left:
                raise NotMessagesError(f"the headers of a message are longer than {_HEADERS >> 10} KiB")
            name, colon, value = (part.strip().decode("latin-1") for part in line.partition(b":"))
            if not name and size is not None:
                return size
            if not name:
                raise NotMessagesError("a message has no Content-Length")
            if not colon:
                raise NotMessagesError(f"{name[:40]!r} is not a header such as `Content-Length: 42`")
            if name.lower() == "content-length":
                size = _number(value)
        if left < _HEADERS:
            raise NotMessagesError("it ends within the headers of a message")
        return None


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise NotMessagesError(f"the Content-Length of a message is {value[:40]!r}, not a number of bytes")
    return int(value)


def _check_whole(found: int, size: int) -> None:
    if found < size:
        raise NotMessagesError(f"it ends after {found:,} of {size:,} bytes of a message")


class MessageOutput:
    """Standard output, by its descriptor. An editor that does not listen any more ends the session."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            SystemExit: it cannot be written.
        """
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            raise SystemExit from None

    def flush(self) -> None:
        """Do nothing: what is written is out."""

    def close(self) -> None:
        """Do nothing: the process is about to end."""

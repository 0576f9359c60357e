"""Bytes to text: a config file or standard input, of bounded size and in UTF-8."""

import errno
import os
import stat
import sys

from sftc.findings.finding import ConfigError, Finding
from sftc.findings.stage_rules.files import FILE_TOO_LARGE, NOT_UTF8, UNREADABLE_FILE
from sftc.text.source import STDIN, Source

MAX_BYTES = 1024 * 1024


def read_source(path: str | os.PathLike[str], *, only_file: bool = False) -> Source:
    """Read a config file, or standard input for `-`.

    Args:
        path: the file. It may be a pipe, such as that of `<(command)`, or a device.
        only_file: whether to refuse these two, which may never end.

    Raises:
        ConfigError: it cannot be read, is over 1 MiB or is not UTF-8.
    """
    name = os.fspath(path)
    if name == STDIN and sys.stdin is None:
        raise _unreadable(name, "standard input is closed")
    try:
        if name == STDIN:
            return decode_source("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1))
        return _read(name, only_file=only_file)
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:  # a NUL in the path
        reason = str(error)
    raise _unreadable(name, reason)


def path_beside(source: Source, path: str) -> str:
    """Return the path of a file that is at `path` as seen from the folder of `source`."""
    return os.path.normpath(os.path.join(os.path.dirname(source.name), path))


def read_beside(source: Source, path: str) -> Source:
    """Read the config at `path`, which is relative to the folder of `source`, or absolute.

    A text that is in no folder, such as standard input, is in the working directory.

    Raises:
        OSError, ValueError: there is no such file, or it cannot be opened.
        ConfigError: it is over 1 MiB or is not UTF-8.
    """
    return _read(path_beside(source, path), only_file=True)


def _read(name: str, *, only_file: bool) -> Source:
    if only_file and not stat.S_ISREG(os.stat(name).st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    with open(name, "rb") as file:
        return decode_source(name, file.read(MAX_BYTES + 1))


def _unreadable(name: str, reason: str) -> ConfigError:
    source = Source(name or '""', "")
    return ConfigError([UNREADABLE_FILE.finding(source.span(0, 0), f"cannot be read: {reason}")])


def decode_source(name: str, data: bytes) -> Source:
    """Return `data` as the source that findings call `name`.

    Raises:
        ConfigError: `data` is over 1 MiB or is not UTF-8.
    """
    if len(data) > MAX_BYTES:
        span = Source(name, "").span(0, 0)
        raise ConfigError([FILE_TOO_LARGE.finding(span, f"is over {MAX_BYTES >> 10} KiB")])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([_not_utf8(name, data, error.start)]) from None
    return Source(name, text)


def _not_utf8(name: str, data: bytes, offset: int) -> Finding:
    readable = data[:offset].decode("utf-8")
    source = Source(name, readable + data[offset:].decode("utf-8", "replace"))
    message = f"byte 0x{data[offset]:02x} at offset {offset} is not UTF-8"
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    help = "the file looks like UTF-16: save it as UTF-8" if utf16 else "save the file as UTF-8"
    return NOT_UTF8.finding(source.span(len(readable), len(readable) + 1), message, help=help)

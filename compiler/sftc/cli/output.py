"""Write output to stdout or to files. Files are replaced atomically."""

import errno
import io
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NoReturn, TextIO

import click

from sftc.cli.exits import CLOSED_PIPE
from sftc.findings.finding import ConfigError
from sftc.findings.stage_rules.files import UNWRITABLE_OUTPUT
from sftc.text.source import Source, escaped

Data = bytes | Iterable[bytes]
"""The contents of a file, whole or in chunks."""


def write_stdout(data: bytes | str) -> None:
    """Write `data` to stdout. If the reader has closed the pipe, exit silently.

    Text is written as UTF-8. Characters that UTF-8 cannot encode, such as bytes in a file name
    that are not UTF-8, are escaped.

    Raises:
        ConfigError: stdout cannot be written.
    """
    if sys.stdout is None:
        raise _unwritable("<stdout>", OSError(errno.EBADF, os.strerror(errno.EBADF)))
    if isinstance(data, str):
        data = escaped(data).encode()
    try:
        left = memoryview(data)
        while left:  # unbuffered (PYTHONUNBUFFERED), a write may be partial
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.flush()
    except BrokenPipeError:
        end_closed(sys.stdout)
    except OSError as error:
        _abandon(sys.stdout)
        raise _unwritable("<stdout>", error) from error


def is_colored(stream: TextIO | None) -> bool:
    """Return whether text for a stream has colors: it is a terminal, and NO_COLOR is not set."""
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")


def end_closed(stream: TextIO) -> NoReturn:
    """Exit silently after the reader of stdout or stderr has closed it."""
    _abandon(stream)
    sys.exit(CLOSED_PIPE)


def _abandon(stream: TextIO) -> None:
    """Discard what a stream still buffers, so that the flush at exit does not fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_files(files: Mapping[str, Data]) -> None:
    """Write several files atomically: if one cannot be written, none is replaced.

    Creates missing folders and follows symbolic links. Writes directly to a path that is not a
    regular file, such as a device or a pipe.

    Args:
        files: the contents of each file, by path.

    Raises:
        ConfigError: a file cannot be written.
    """
    staged: list[tuple[str, str]] = []
    path = ""
    try:
        for path, data in files.items():
            if os.path.exists(path) and not os.path.isfile(path):
                with open(path, "wb") as device:
                    device.writelines([data] if isinstance(data, bytes) else data)
            else:
                target = os.path.realpath(path)
                _make_folder(os.path.dirname(target))
                temporary = os.path.join(os.path.dirname(target), f".sftc-{os.getpid()}-{len(staged)}")
                _stage(temporary, target, data)
                staged.append((temporary, target))
        while staged:
            temporary, path = staged[0]
            os.replace(temporary, path)
            del staged[0]
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        for temporary, _ in staged:
            with suppress(OSError):
                os.unlink(temporary)


def show_error(error: click.ClickException) -> None:
    """Print an error of the command line to stderr; names from outside in it move no cursor."""
    from sftc.report.terminal import printable_lines

    text = io.StringIO()
    error.show(text)
    click.echo(printable_lines(text.getvalue()), err=True, nl=False)


def _make_folder(folder: str) -> None:
    """Create a folder and those around it.

    Raises:
        OSError: it cannot be created; a file that is in its place is named.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        while not os.path.exists(folder):
            folder = os.path.dirname(folder)
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is a file, not a folder") from error


def _stage(temporary: str, target: str, data: Data) -> None:
    """Write `data` to the new file `temporary`, with the mode of `target`. Remove it on failure."""
    with open(temporary, "xb") as file:
        try:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
            if os.path.exists(target):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        except BaseException:  # also on Ctrl-C
            os.unlink(temporary)
            raise


def _unwritable(name: str, error: OSError) -> ConfigError:
    message = f"cannot be written: {error.strerror or error}"
    return ConfigError([UNWRITABLE_OUTPUT.finding(Source(name, "").span(0, 0), message)])

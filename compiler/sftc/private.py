"""Creates folders and files that only their owner can use, whatever the umask of the process."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RAISES_OR_IGNORED: Final = (signal.default_int_handler, signal.SIG_IGN, None)


def private_folder(path: Path, sign: str | None = None) -> None:
    """Create a folder and its missing parents, and make it private (0700), also if it exists.

    With a `sign`, a folder that has entries, but not one of this name, is used for other things as well
    and keeps its mode.

    Raises:
        OSError: the folder cannot be created.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        each.chmod(0o700)
    if sign is None or (path / sign).exists() or not any(path.iterdir()):
        with suppress(PermissionError):  # the owner is another user, who lets this one write
            path.chmod(0o700)


def private_opener(path: str, flags: int) -> int:
    """Open a private file (0600). Pass it to `open` as `opener`."""
    file = os.open(path, flags, 0o600)
    os.fchmod(file, 0o600)
    return file


def private_database(path: Path) -> Path:
    """Create an empty SQLite database that is private (0600) unless it exists, and return its path.

    SQLite gives its other files the mode of the database; those of an earlier version had another.

    Raises:
        OSError: the file cannot be created.
    """
    for each in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))):
        if each == path or each.exists():
            with open(each, "ab", opener=private_opener):
                pass
    return path


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Create a private folder, yield its path, and remove it at the end, also if a signal ends the process.

    Enter it in the main thread, and leave several in the reverse order.
    """
    folder = TemporaryDirectory(prefix="sftc-", ignore_cleanup_errors=True)
    before = {number: signal.getsignal(number) for number in _ENDS}

    def end(number: int, frame: object) -> None:
        folder.cleanup()
        signal.signal(number, before[signal.Signals(number)])
        signal.raise_signal(number)

    caught = [number for number, handler in before.items() if handler not in _RAISES_OR_IGNORED]
    for number in caught:
        signal.signal(number, end)
    try:
        yield folder.name
    finally:
        for number in caught:
            signal.signal(number, before[number])
        folder.cleanup()

"""Creates folders and files that only their owner can use, whatever the umask of the process."""

import os
from contextlib import suppress
from pathlib import Path


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

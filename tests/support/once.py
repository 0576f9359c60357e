"""Resources that several test processes share and one of them creates."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one process at a time."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` fills in the first process that needs it."""
    folder.mkdir(exist_ok=True)
    with locked(folder):
        if not (folder / ".made").exists():
            make(folder)
            (folder / ".made").touch()
    return folder

"""The folder of the service: the database, files by their digest, a folder for each job."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from sftc.service import address
from sftc.service.uploads import Upload

_LEAVING = 5.0
"""Seconds that a service may take to end."""


class InUseError(Exception):
    """Another service uses the data folder."""


class Folder:
    """The places in the data folder, of which one service at a time makes use.

    Creating one removes the leftovers of a crash.

    Raises:
        InUseError: another service has it.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)  # training data is not for everyone
        self.root = root.absolute()
        self._lock = _locked(root / "lock")
        self.incoming = root / "incoming"
        self._files = root / "files"
        for place in (self.incoming, self._files, root / "jobs"):
            place.mkdir(parents=True, exist_ok=True)
        self._address = root / address.FILE
        for leftover in (*self.incoming.iterdir(), self._address):
            leftover.unlink(missing_ok=True)

    @property
    def database(self) -> Path:
        """The path of the database."""
        return self.root / "service.db"

    def file(self, digest: str) -> Path:
        """Return the path of the file with that digest."""
        return self._files / digest

    def job(self, id: str) -> Path:
        """Return the folder of a job."""
        return self.root / "jobs" / id

    def close(self) -> None:
        """Leave the folder to others."""
        self._address.unlink(missing_ok=True)
        self._lock.close()

    def keep(self, upload: Upload) -> None:
        """Put what was uploaded in its place, for good.

        Raises:
            OSError: it cannot be; it is gone.
        """
        try:
            os.replace(upload.path, self.file(upload.digest))
        except OSError:
            upload.path.unlink(missing_ok=True)
            raise
        folder = os.open(self._files, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _locked(path: Path) -> IO[bytes]:
    """Return the lock file, locked for as long as it is open; one that is being left is waited for."""
    lock = path.open("ab")
    end = time.monotonic() + _LEAVING
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                lock.close()
                raise InUseError(f"another service uses {path.parent}") from None
            time.sleep(0.05)
        else:
            return lock

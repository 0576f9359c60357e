"""The data folder of the service: the database, uploaded files by digest, and a folder per job."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from sftc.private import private_folder, private_opener
from sftc.service import address
from sftc.service.uploads import Upload

DATABASE = "service.db"
"""Name of the database in the data folder."""

_LEAVING = 5.0
"""Seconds to wait for a service that is ending to release the folder."""


class InUseError(Exception):
    """Another service uses the data folder."""


class Folder:
    """The data folder, locked for one service.

    Opening it creates missing folders, and removes partial uploads that a crash left behind.

    Args:
        root: the path of the data folder.

    Raises:
        InUseError: another service uses the folder.
    """

    def __init__(self, root: Path) -> None:
        private_folder(root, DATABASE)  # training data may be confidential
        self.root = root.absolute()
        self._lock = _locked(root / "lock")
        self.incoming = root / "incoming"
        self._files = root / "files"
        for place in (self.incoming, self._files, root / "jobs"):
            private_folder(place)
        self._address = root / address.FILE
        for leftover in (*self.incoming.iterdir(), self._address):
            leftover.unlink(missing_ok=True)

    @property
    def database(self) -> Path:
        """The path of the database."""
        return self.root / DATABASE

    def file(self, digest: str) -> Path:
        """Return the path of the uploaded file with this digest."""
        return self._files / digest

    def job(self, id: str) -> Path:
        """Return the folder of a job, and create it if it does not exist."""
        folder = self.root / "jobs" / id
        folder.mkdir(mode=0o700, exist_ok=True)  # and fail if the data folder is gone
        private_folder(folder)
        return folder

    def pass_on(self, earlier: str, id: str) -> bool:
        """Give the folder of an earlier job to job `id`, and return whether it was there to be given.

        A job that has a folder already keeps it.
        """
        folder = self.root / "jobs" / id
        if folder.exists():
            return False
        try:
            (self.root / "jobs" / earlier).rename(folder)
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Remove the address file, and release the folder for other services."""
        self._address.unlink(missing_ok=True)
        self._lock.close()

    def keep(self, upload: Upload) -> None:
        """Move an upload to its final path, durably.

        Raises:
            OSError: the upload could not be moved. It is deleted.
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
    """Return the lock file, which stays locked until it is closed.

    Raises:
        InUseError: another service still holds the lock after `_LEAVING` seconds.
    """
    lock = open(path, "ab", opener=private_opener)  # noqa: SIM115  it is returned
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

"""The lease on the embedded service, which runs as long as a command uses it."""

import fcntl
from pathlib import Path
from typing import Self

from sftc.private import private_folder, private_opener
from sftc.service.data_folder import DATABASE


class Lease:
    """A lock on the service of a data folder.

    Commands that use the service share it. A command that starts or ends the service holds it
    exclusively.
    """

    def __init__(self, root: Path) -> None:
        private_folder(root, DATABASE)
        self._file = open(root / "users", "ab", opener=private_opener)  # noqa: SIM115  it stays open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def share(self) -> None:
        """Acquire the lock shared. Blocks while another command holds it exclusively."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def take(self) -> None:
        """Acquire the lock exclusively. Blocks while other commands hold it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def take_now(self) -> bool:
        """Acquire the lock exclusively without blocking, and return whether that succeeded."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

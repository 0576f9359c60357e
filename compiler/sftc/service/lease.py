"""Who uses the service of a data folder: it stays for as long as anybody does."""

import fcntl
from pathlib import Path
from typing import Self


class Lease:
    """A command's hold on the service of a data folder.

    Many can share it. Whoever starts or ends the service holds it alone, and nobody comes in between.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = (root / "users").open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def share(self) -> None:
        """Hold it beside others; wait while somebody holds it alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def take(self) -> None:
        """Hold it alone; wait for all others to leave it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def take_now(self) -> bool:
        """Hold it alone if nobody else does; else leave it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

"""Computes the SHA-256 of a stream, in a thread of its own if it is long."""

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queue import Queue
    from threading import Thread

_AHEAD: Final = 4
"""Pieces that wait to be hashed. They bound the memory."""


class Sha256:
    """The SHA-256 of the pieces so far.

    The first `alone` bytes are hashed by the caller's thread, and all of them if `alone` is `None`. The
    work on later pieces needs no lock of Python's, so that the caller can continue meanwhile.
    """

    def __init__(self, alone: int | None) -> None:
        self._hash = hashlib.sha256()
        self._alone = alone
        self._size = 0
        self._pieces: Queue[bytes | None] | None = None
        self._thread: Thread | None = None

    def update(self, piece: bytes) -> None:
        """Add a piece. This waits if too many are not hashed yet."""
        self._size += len(piece)
        if self._pieces is None and self._alone is not None and self._size > self._alone:
            self._start()
        if self._pieces is None:
            self._hash.update(piece)
        else:
            self._pieces.put(piece)

    def hexdigest(self) -> str:
        """Return the digest of all pieces so far, as hexadecimal digits."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread, after what it has to do."""
        if self._pieces is not None and self._thread is not None:
            self._pieces.put(None)
            self._thread.join()
            self._pieces = self._thread = None

    def _start(self) -> None:
        from queue import Queue
        from threading import Thread

        self._pieces = Queue(_AHEAD)
        self._thread = Thread(target=self._run, args=(self._pieces,), daemon=True)
        self._thread.start()

    def _run(self, pieces: "Queue[bytes | None]") -> None:
        while (piece := pieces.get()) is not None:
            self._hash.update(piece)

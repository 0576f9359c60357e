"""Records what was sent to a service. It survives crashes, so that nothing is sent or paid for twice."""

import hashlib
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple, Self

from sftc.private import private_database, private_folder

_TABLES = """
CREATE TABLE IF NOT EXISTS files (digest TEXT PRIMARY KEY, id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  key TEXT PRIMARY KEY, identity TEXT NOT NULL, job TEXT, started INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS moments (key TEXT PRIMARY KEY, since REAL NOT NULL);
"""


def state_folder() -> Path:
    """Return the folder for the state of sftc, in `XDG_STATE_HOME` or `~/.local/state`.

    A relative path in the variable is ignored, as the XDG Base Directory Specification says: each folder that
    a command is run in would have another journal.
    """
    home = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(home) / "sftc"


class Intent(NamedTuple):
    """The record of a job that was about to be created.

    Attributes:
        identity: the identity of the order.
        job: the id of the job, or `None` if there was no response to the request.
        is_started: whether the job is known to have been started.
    """

    identity: str
    job: str | None
    is_started: bool


class Journal:
    """The journal of one service and API key: file ids by digest, and jobs by idempotency key.

    Args:
        identity: identifies the service and the API key.
        folder: the folder of the journal. The default is `state_folder()`.

    Raises:
        OSError: the folder cannot be created.
        sqlite3.Error: the file is not a journal.
    """

    def __init__(self, identity: str, folder: Path | None = None) -> None:
        folder = folder or state_folder()
        private_folder(folder)
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        self._db = sqlite3.connect(private_database(folder / f"{name}.db"), isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def file(self, digest: str) -> str | None:
        """Return the id on the service of the file with that digest, or `None`."""
        row = self._db.execute("SELECT id FROM files WHERE digest = ?", (digest,)).fetchone()
        return str(row[0]) if row else None

    def keep_file(self, digest: str, id: str) -> None:
        """Record the id of an uploaded file."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (digest, id))

    def forget_file(self, digest: str) -> None:
        """Remove the record of a file that the service no longer has."""
        self._db.execute("DELETE FROM files WHERE digest = ?", (digest,))

    def intent(self, key: str) -> Intent | None:
        """Return the record of the job with that idempotency key, or `None`."""
        query = "SELECT identity, job, started FROM orders WHERE key = ?"
        row = self._db.execute(query, (key,)).fetchone()
        return Intent(row[0], row[1], bool(row[2])) if row else None

    def since(self, key: str) -> float:
        """Return when the job with that key was first to be created, in seconds since the epoch, or 0."""
        row = self._db.execute("SELECT since FROM moments WHERE key = ?", (key,)).fetchone()
        return float(row[0]) if row else 0.0

    def intend(self, key: str, identity: str) -> bool:
        """Record that a job is about to be created, and return whether there was no such record yet."""
        query = (
            "INSERT INTO orders (key, identity) VALUES (?, ?) ON CONFLICT DO UPDATE"
            " SET identity = excluded.identity, job = NULL, started = 0 WHERE identity != excluded.identity"
        )
        is_new = self._db.execute(query, (key, identity)).rowcount > 0
        if is_new:
            self._db.execute("INSERT OR REPLACE INTO moments VALUES (?, ?)", (key, time.time()))
        return is_new

    def keep_job(self, key: str, job: str) -> None:
        """Record the id of a job that was created and not started yet."""
        self._db.execute("UPDATE orders SET job = ?, started = 0 WHERE key = ?", (job, key))

    def keep_start(self, key: str) -> None:
        """Record that a job was started."""
        self._db.execute("UPDATE orders SET started = 1 WHERE key = ?", (key,))

    def forget_job(self, key: str) -> None:
        """Remove the record of a job that the service refused to create."""
        self._db.execute("DELETE FROM orders WHERE key = ?", (key,))

    def jobs(self, *, but: str) -> set[str]:
        """Return the ids of all jobs except the one with the key `but`."""
        rows = self._db.execute("SELECT job FROM orders WHERE key != ? AND job IS NOT NULL", (but,))
        return {row[0] for row in rows}

"""What was sent where: a record that outlives crashes, so that nothing is sent or paid for twice."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple, Self

_TABLES = """
CREATE TABLE IF NOT EXISTS files (digest TEXT PRIMARY KEY, id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  key TEXT PRIMARY KEY, identity TEXT NOT NULL, job TEXT, started INTEGER NOT NULL DEFAULT 0);
"""


def state_folder() -> Path:
    """Return the folder of this user for what programs remember (`XDG_STATE_HOME`), ours in it."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(home) / "sftc"


class Intent(NamedTuple):
    """That a job was to be created, of the order of that `identity`.

    `job` is its id, `None` where no answer came; `is_started` says whether it is known to be started.
    """

    identity: str
    job: str | None
    is_started: bool


class Journal:
    """The journal of one service and key, its `identity`: file ids by content, jobs by key.

    Raises:
        OSError: the folder cannot be made.
        sqlite3.Error: the file is no journal.
    """

    def __init__(self, identity: str, folder: Path | None = None) -> None:
        folder = folder or state_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        self._db = sqlite3.connect(folder / f"{name}.db", isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def file(self, digest: str) -> str | None:
        """Return the id under which the service took a file of that digest."""
        row = self._db.execute("SELECT id FROM files WHERE digest = ?", (digest,)).fetchone()
        return str(row[0]) if row else None

    def keep_file(self, digest: str, id: str) -> None:
        """Remember the id of a file."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (digest, id))

    def forget_file(self, digest: str) -> None:
        """Forget a file that the service does not know any more."""
        self._db.execute("DELETE FROM files WHERE digest = ?", (digest,))

    def intent(self, key: str) -> Intent | None:
        """Return what is known of the job of an idempotency key."""
        query = "SELECT identity, job, started FROM orders WHERE key = ?"
        row = self._db.execute(query, (key,)).fetchone()
        return Intent(row[0], row[1], bool(row[2])) if row else None

    def intend(self, key: str, identity: str) -> bool:
        """Remember that a job is about to be created, and return whether this is new."""
        query = (
            "INSERT INTO orders (key, identity) VALUES (?1, ?2)"
            " ON CONFLICT DO UPDATE SET identity = ?2, job = NULL, started = 0 WHERE identity != ?2"
        )
        return self._db.execute(query, (key, identity)).rowcount > 0

    def keep_job(self, key: str, job: str) -> None:
        """Remember the id of a job that was created, and is still to be started."""
        self._db.execute("UPDATE orders SET job = ?, started = 0 WHERE key = ?", (job, key))

    def keep_start(self, key: str) -> None:
        """Remember that a job was started."""
        self._db.execute("UPDATE orders SET started = 1 WHERE key = ?", (key,))

    def forget_job(self, key: str) -> None:
        """Forget a job that was refused."""
        self._db.execute("DELETE FROM orders WHERE key = ?", (key,))

    def jobs(self, *, but: str) -> set[str]:
        """Return the ids of all jobs but that of one key."""
        rows = self._db.execute("SELECT job FROM orders WHERE key != ? AND job IS NOT NULL", (but,))
        return {row[0] for row in rows}

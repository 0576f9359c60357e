"""The SQLite database of the service: files, jobs, events and metrics."""

import json
import math
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sftc.private import private_database
from sftc.service.changes import Changes
from sftc.text.source import escaped

Record = dict[str, Any]

FINAL: Final = ("succeeded", "failed", "cancelled")
"""The statuses of a job that has ended."""

RESUMABLE: Final = "resumable"
"""The type of the event of a failed job that the next job with the same payload continues."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS files (
  id TEXT PRIMARY KEY, filename TEXT NOT NULL, purpose TEXT NOT NULL, digest TEXT NOT NULL,
  bytes INTEGER NOT NULL, status TEXT NOT NULL, rows INTEGER, error TEXT, created_at TEXT NOT NULL,
  UNIQUE (digest, purpose));
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, payload TEXT NOT NULL,
  payload_digest TEXT NOT NULL, idempotency_key TEXT UNIQUE, status TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0, error TEXT,
  fine_tuned_model TEXT, created_at TEXT NOT NULL, finished_at TEXT);
CREATE TABLE IF NOT EXISTS provenance (job TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  job TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL,
  created_at TEXT NOT NULL, PRIMARY KEY (job, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metrics (
  number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL,
  value REAL NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS metrics_of_job ON metrics (job, step);
"""


class Store:
    """The database. Every change is on disk when the method that makes it returns.

    `changes` tells of those of jobs and files.
    """

    def __init__(self, path: Path) -> None:
        self.changes = Changes()
        self._db = sqlite3.connect(private_database(path), isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        self._db.execute("UPDATE files SET status = 'processing', error = NULL WHERE status = 'stopped'")
        for row in self._all("SELECT id FROM jobs WHERE status = 'running'"):
            self.move(row["id"], "queued", of=("running",), message="the service was stopped")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _one(self, query: str, *values: object) -> Record | None:
        row = self._db.execute(query, values).fetchone()
        return dict(row) if row else None

    def _all(self, query: str, *values: object) -> list[Record]:
        return [dict(row) for row in self._db.execute(query, values)]

    def add_file(self, filename: str, purpose: str, digest: str, size: int) -> Record:
        """Return the file with this digest and purpose, and create it if it does not exist.

        If its check was stopped, the file is checked again.
        """
        with self._change() as db:
            db.execute(
                "INSERT INTO files (id, filename, purpose, digest, bytes, status, created_at)"
                " VALUES (?, ?, ?, ?, ?, 'processing', ?) ON CONFLICT (digest, purpose)"
                " DO UPDATE SET status = 'processing', error = NULL WHERE status = 'stopped'",
                (f"file-{uuid.uuid4().hex}", filename, purpose, digest, size, _now()),
            )
        found = self._one("SELECT * FROM files WHERE digest = ? AND purpose = ?", digest, purpose)
        assert found  # noqa: S101  the INSERT created it, or it existed
        self.changes.tell(found["id"])
        return found

    def file(self, id: str) -> Record | None:
        """Return the file with this id, or `None`."""
        return self._one("SELECT * FROM files WHERE id = ?", id)

    def files(self, digest: str | None, limit: int) -> list[Record]:
        """Return files, newest first; with a `digest`, only the file with that content."""
        query = "SELECT * FROM files WHERE ? IS NULL OR digest = ? ORDER BY created_at DESC, id LIMIT ?"
        return self._all(query, digest, digest, limit)

    def unchecked_files(self) -> list[Record]:
        """Return the files that are not checked yet, oldest first."""
        return self._all("SELECT * FROM files WHERE status = 'processing' ORDER BY created_at")

    def checked(self, id: str, status: str, rows: int | None = None, error: str | None = None) -> None:
        """Record the result of a check: `ready`, `failed`, or `stopped` if it had no result."""
        with self._change() as db:
            db.execute(
                "UPDATE files SET status = ?, rows = ?, error = ? WHERE id = ?",
                (status, rows, _plain(error), id),
            )
        self.changes.tell(id)

    def add_job(self, payload: Mapping[str, Any], digest: str, key: str | None) -> tuple[Record, bool]:
        """Return a job and whether it is new. If a job has the idempotency key, return that job."""
        with self._change() as db:
            if key is not None and (known := self._one("SELECT * FROM jobs WHERE idempotency_key = ?", key)):
                return _job(known), False
            id = f"job-{uuid.uuid4().hex}"
            db.execute(
                "INSERT INTO jobs (id, payload, payload_digest, idempotency_key, status, created_at)"
                " VALUES (?, ?, ?, ?, 'created', ?)",
                (id, json.dumps(payload), digest, key, _now()),
            )
            self._event(id, "status", "created", {"phase": "created"})
        self.changes.tell(id)
        job = self.job(id)
        assert job  # noqa: S101  just created
        return job, True

    def job(self, id: str) -> Record | None:
        """Return the job with this id, or `None`."""
        found = self._one("SELECT * FROM jobs WHERE id = ?", id)
        return _job(found) if found else None

    def jobs(self, status: str | None, created_after: datetime | None, limit: int) -> list[Record]:
        """Return jobs, newest first. `created_after` must be in UTC."""
        since = created_after and _stamp(created_after)
        rows = self._all(
            "SELECT * FROM jobs WHERE (? IS NULL OR status = ?) AND (? IS NULL OR created_at > ?)"
            " ORDER BY number DESC LIMIT ?",
            *(status, status, since, since, limit),
        )
        return [*map(_job, rows)]

    def waiting_jobs(self) -> list[str]:
        """Return the ids of jobs that are queued or were interrupted, oldest first."""
        rows = self._all("SELECT id FROM jobs WHERE status IN ('queued', 'running') ORDER BY number")
        return [row["id"] for row in rows]

    def continued(self, id: str) -> str | None:
        """Return the failed job that a job continues: the last one with the same payload, if that can be."""
        found = self._one(
            "SELECT other.id, other.status, EXISTS (SELECT 1 FROM events WHERE job = other.id AND type = ?)"
            " AS resumes FROM jobs JOIN jobs AS other ON other.payload_digest = jobs.payload_digest"
            " AND other.number < jobs.number WHERE jobs.id = ? ORDER BY other.number DESC LIMIT 1",
            *(RESUMABLE, id),
        )
        return found["id"] if found and found["status"] == "failed" and found["resumes"] else None

    def move(
        self, id: str, to: str, *, of: tuple[str, ...], message: str = "", model: str | None = None
    ) -> bool:
        """Set the status of a job to `to` if it is one of `of`, and return whether it was."""
        error = _plain(message) if to == "failed" else None
        finished = _now() if to in FINAL else None
        with self._change() as db:
            marks = ", ".join("?" * len(of))
            changed = db.execute(
                "UPDATE jobs SET status = ?, error = ?, fine_tuned_model = ?, finished_at = ?,"  # noqa: S608  only placeholders
                f" attempt = attempt + ? WHERE id = ? AND status IN ({marks})",
                (to, error, _plain(model), finished, to == "running", id, *of),
            )
            if changed.rowcount:
                self._event(id, "status", message or to, {"phase": to})
        self.changes.tell(id)
        return bool(changed.rowcount)

    def describe(self, id: str, provenance: Mapping[str, Any]) -> bool:
        """Keep where a job comes from, unless it was started, and return whether it is kept."""
        with self._change() as db:
            kept = db.execute(
                "INSERT OR REPLACE INTO provenance"
                " SELECT id, ? FROM jobs WHERE id = ? AND status = 'created'",
                (json.dumps(_plain(provenance)), id),
            )
        self.changes.tell(id)
        return bool(kept.rowcount)

    def provenance(self, id: str) -> str | None:
        """Return where a job comes from, as JSON, or `None` if that is not known."""
        found = self._one("SELECT content FROM provenance WHERE job = ?", id)
        return found["content"] if found else None

    def event(self, id: str, type: str, message: str, data: Mapping[str, Any]) -> None:
        """Add an event to a job."""
        with self._change():
            self._event(id, type, message, data)
        self.changes.tell(id)

    def _event(self, id: str, type: str, message: str, data: Mapping[str, Any]) -> None:
        self._db.execute(
            "INSERT INTO events SELECT ?, COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ? FROM events WHERE job = ?",
            (id, _plain(type), _plain(message), json.dumps(_plain(data)), _now(), id),
        )

    def events(self, id: str, since: int, limit: int, type: str | None = None) -> list[Record]:
        """Return the events of a job after the sequence number `since`, in order."""
        rows = self._all(
            "SELECT seq, type, message, data, created_at FROM events WHERE job = ? AND seq > ?"
            " AND (? IS NULL OR type = ?) ORDER BY seq LIMIT ?",
            *(id, since, type, type, limit),
        )
        return [{**row, "data": json.loads(row["data"])} for row in rows]

    def metric(self, id: str, name: str, step: int, value: float) -> None:
        """Add a point of a metric to a job. It replaces a point of the same name and step."""
        point = (id, _plain(name), step)
        with self._change() as db:
            db.execute("DELETE FROM metrics WHERE job = ? AND name = ? AND step = ?", point)
            db.execute(
                "INSERT INTO metrics (job, name, step, value, created_at) VALUES (?, ?, ?, ?, ?)",
                (*point, value, _now()),
            )
        self.changes.tell(id)

    def metrics(self, id: str, name: str | None, after: int, limit: int) -> list[Record]:
        """Return the metric points of a job after the step `after`, in order."""
        return self._all(
            "SELECT name, step, value, created_at FROM metrics WHERE job = ? AND step > ?"
            " AND (? IS NULL OR name = ?) ORDER BY step, number LIMIT ?",
            *(id, after, name, name, limit),
        )

    def newest_events(self, id: str, limit: int, type: str | None = None) -> list[Record]:
        """Return the last events of a job, the newest first."""
        rows = self._all(
            "SELECT seq, type, message, data, created_at FROM events WHERE job = ?"
            " AND (? IS NULL OR type = ?) ORDER BY seq DESC LIMIT ?",
            *(id, type, type, limit),
        )
        return [{**row, "data": json.loads(row["data"])} for row in rows]

    def new_points(self, id: str, number: int) -> list[Record]:
        """Return the metric points of a job that were recorded after the one with this number."""
        return self._all(
            "SELECT number, name, step, value FROM metrics WHERE job = ? AND number > ? ORDER BY number",
            *(id, number),
        )

    def newest_point(self, id: str) -> Record | None:
        """Return the metric point of a job with the greatest step, or `None`."""
        return self._one(
            "SELECT step, created_at FROM metrics WHERE job = ? ORDER BY step DESC, number DESC LIMIT 1", id
        )

    def job_of_key(self, key: str) -> Record | None:
        """Return the job that was created with an idempotency key, or `None`."""
        found = self._one("SELECT * FROM jobs WHERE idempotency_key = ?", key)
        return _job(found) if found else None


def _job(row: Record) -> Record:
    return {**row, "payload": json.loads(row["payload"])}


def _plain(value: Any, levels: int = 100) -> Any:
    """Return `value` in a form that JSON and UTF-8 can represent.

    `nan` and `inf` become `None`, and lone surrogates become escapes.

    Raises:
        ValueError: the value is nested more than `levels` deep, so that reading it back could fail.
    """
    if not levels:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(name): _plain(child, levels - 1) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child, levels - 1) for child in value]
    return value


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")  # fixed length, so that text order is time order

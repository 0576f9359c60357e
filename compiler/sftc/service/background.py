"""Background work: checks files and runs jobs, one at a time, and resumes after a crash."""

import asyncio
import errno
import json
import logging
import math
import os
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sftc.service import check_upload
from sftc.service.check_upload import Verdict
from sftc.service.data_folder import Folder
from sftc.service.executor import SERVICE_ENDS, Executor, FailedError, Task
from sftc.service.store import RESUMABLE, Record, Store

_TRIES = 3
"""Maximum number of attempts to check a file."""

_RESERVE = 1 << 18
"""Bytes that are kept free while a job runs, so that its end can be recorded if it fills the disk."""

_log = logging.getLogger(__name__)


class _Work(ABC):
    """A loop that runs whenever there is work. After an error it retries in `retry` seconds."""

    def __init__(self, store: Store, folder: Folder, retry: float) -> None:
        self._store = store
        self._folder = folder
        self._retry = retry
        self._more = asyncio.Event()
        self._more.set()

    def add(self) -> None:
        """Signal that there is new work."""
        self._more.set()

    async def run(self) -> None:
        """Process work forever."""
        while True:
            await self._more.wait()
            self._more.clear()
            try:
                await self._all()
            except Exception:  # noqa: BLE001  any error, such as a full disk: otherwise the loop would end
                _log.exception("background work failed; retrying in %s s", self._retry)
                self._more.set()
                await asyncio.sleep(self._retry)

    @abstractmethod
    async def _all(self) -> None:
        """Process all pending work."""


class Checks(_Work):
    """Checks uploaded files, each in a worker process so that the service stays responsive."""

    async def _all(self) -> None:
        for file in self._store.unchecked_files():
            path = self._folder.file(file["digest"])
            for _ in range(_TRIES):
                if verdict := await _checked(path):
                    break
            self._store.checked(file["id"], *_status(verdict))


async def _checked(path: Path) -> Verdict | None:
    """Return the verdict on a file, or `None` if the worker process was killed or could not start."""
    command = (sys.executable, "-P", "-m", check_upload.__name__, str(path))
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    try:
        return Verdict(*json.loads(output))
    except (TypeError, ValueError):
        return None


def _status(verdict: Verdict | None) -> tuple[str, int | None, str | None]:
    """Return the status, row count and error of a file with this verdict."""
    if not verdict:
        return (
            "stopped",
            None,
            f"the check of the file was stopped {_TRIES} times; upload the file again to retry",
        )
    return ("failed", None, verdict.error) if verdict.error else ("ready", verdict.rows, None)


class Runner(_Work):
    """Runs jobs, oldest first, and records their results."""

    def __init__(self, store: Store, folder: Folder, retry: float, executor: Executor) -> None:
        super().__init__(store, folder, retry)
        self._executor = executor
        self._running: dict[str, asyncio.Task[str]] = {}

    def cancel(self, id: str) -> None:
        """Cancel a job that has not ended. If it is running, it is stopped."""
        if self._store.move(id, "cancelled", of=("created", "queued", "running")) and id in self._running:
            self._running[id].cancel()

    async def _all(self) -> None:
        while waiting := self._store.waiting_jobs():
            await self._one(waiting[0])

    def _task(self, job: Record, folder: Path) -> Task:
        payload = job["payload"]
        validation: list[str] = payload["metadata"]["effective_config"]["data"].get("validation_files", [])
        training, *others = (self._path(id) for id in (payload["training_file_id"], *validation))
        revision = json.loads(self._store.provenance(job["id"]) or "{}").get("git_revision")
        return Task(
            job["id"], payload, training, others[0] if others else None, folder, job["attempt"], revision
        )

    def _path(self, file: str) -> Path:
        found = self._store.file(file)
        assert found  # noqa: S101  admission rejects a job whose file is not ready
        return self._folder.file(found["digest"])

    async def _one(self, id: str) -> None:
        if (earlier := self._store.continued(id)) and self._folder.pass_on(earlier, id):
            self._store.event(id, "continues", f"continues {earlier}, which failed", {"job": earlier})
        folder = self._folder.job(id)
        if not self._store.move(id, "running", of=("queued", "running")):
            return
        job = self._store.job(id)
        assert job  # noqa: S101  `move` just updated it
        task = self._task(job, folder)
        reserve = self._folder.root / "reserve"
        with suppress(OSError):
            reserve.write_bytes(os.urandom(_RESERVE))
        running = asyncio.create_task(self._executor.run(task, _Report(self._store, id)))
        self._running[id] = running
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:  # the service is ending; the job resumes when it starts again
            running.cancel(SERVICE_ENDS)
            await asyncio.wait([running])
            raise
        finally:
            del self._running[id]
        reserve.unlink(missing_ok=True)
        await self._record(id, _fate(running))

    async def _record(self, id: str, fate: "_Fate") -> None:
        """Record how a job ended; if the disk is full, once there is room again."""
        while True:
            try:
                if fate.resumes:
                    text = "a job with the same config continues from the last checkpoint of this one"
                    self._store.event(id, RESUMABLE, text, {})
                self._store.move(id, fate.status, of=("running",), message=fate.message, model=fate.model)
            except sqlite3.OperationalError:  # to run the job again would not help
                _log.exception("%s has ended, which cannot be recorded: retrying in %s s", id, self._retry)
                await asyncio.sleep(self._retry)
            else:
                return


class _Fate(NamedTuple):
    """How a job ended: its status, error message and model, and whether a job like it continues it."""

    status: str
    message: str = ""
    model: str | None = None
    resumes: bool = False


def _fate(ended: asyncio.Task[str]) -> _Fate:
    if ended.cancelled():
        return _Fate("cancelled")
    match ended.exception():
        case None:
            return _Fate("succeeded", model=ended.result())
        case FailedError() as error:
            return _Fate("failed", str(error), resumes=error.resumes)
        case error if _is_disk_full(error):
            return _Fate(
                "failed",
                f"the disk of the service is full: {error}. Free space, and run the same command again",
                resumes=True,
            )
        case error:
            return _Fate("failed", f"a bug in the executor: {type(error).__name__}: {error}")


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


class _Report:
    """Writes the events and metrics of a job to the store."""

    def __init__(self, store: Store, id: str) -> None:
        self._store = store
        self._id = id
        self._odd: set[str] = set()

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        if type == "status":
            raise ValueError("only the service may add events of type `status`")
        self._store.event(self._id, type, message, data or {})

    def metric(self, name: str, step: int, value: float) -> None:
        if math.isfinite(value):
            self._odd.discard(name)
            self._store.metric(self._id, name, step, value)
        elif name not in self._odd:  # only once: a diverging run would repeat it at every step
            self._odd.add(name)
            data = {"name": name, "step": step, "value": str(value)}
            self.event(
                "metric",
                f"{name} is {value} from step {step} on; no points are recorded until it is finite again",
                data,
            )

"""Background work: checks files and runs jobs, one after the other; resumes after a crash."""

import asyncio
import json
import logging
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sftc.service import check_upload
from sftc.service.check_upload import Verdict
from sftc.service.data_folder import Folder
from sftc.service.executor import SERVICE_ENDS, Executor, FailedError, Task
from sftc.service.store import Record, Store

_TRIES = 3
"""How often a check is started that yields no verdict."""

_log = logging.getLogger(__name__)


class _Work(ABC):
    """Work that runs whenever there is some; after a failure it retries in `retry` seconds."""

    def __init__(self, store: Store, folder: Folder, retry: float) -> None:
        self._store = store
        self._folder = folder
        self._retry = retry
        self._more = asyncio.Event()
        self._more.set()

    def add(self) -> None:
        """Signal that there is something to do."""
        self._more.set()

    async def run(self) -> None:
        """Do all work as it comes, forever."""
        while True:
            await self._more.wait()
            self._more.clear()
            try:
                await self._all()
            except Exception:  # noqa: BLE001  such as a full disk: nothing else would retry
                _log.exception("background work failed; retrying in %s s", self._retry)
                self._more.set()
                await asyncio.sleep(self._retry)

    @abstractmethod
    async def _all(self) -> None:
        """Do all the work that is waiting."""


class Checks(_Work):
    """Checks uploaded files, each in a worker process, so that the service keeps answering."""

    async def _all(self) -> None:
        for file in self._store.unchecked_files():
            path = self._folder.file(file["digest"])
            for _ in range(_TRIES):
                if verdict := await _checked(path):
                    break
            self._store.checked(file["id"], *_status(verdict))


async def _checked(path: Path) -> Verdict | None:
    """Return the verdict on a file; `None` if the process that checks it was killed or cannot start."""
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
    """Return the status that a verdict gives a file, its rows and its error."""
    if not verdict:
        return "stopped", None, f"its check was stopped {_TRIES} times; upload it again to retry"
    return ("failed", None, verdict.error) if verdict.error else ("ready", verdict.rows, None)


class Runner(_Work):
    """Runs jobs, oldest first, and records their outcome."""

    def __init__(self, store: Store, folder: Folder, retry: float, executor: Executor) -> None:
        super().__init__(store, folder, retry)
        self._executor = executor
        self._running: dict[str, asyncio.Task[str]] = {}

    def cancel(self, id: str) -> None:
        """Cancel a job in any state; a running one stops, and does not run again."""
        if self._store.move(id, "cancelled", of=("created", "queued", "running")) and id in self._running:
            self._running[id].cancel()

    async def _all(self) -> None:
        while waiting := self._store.waiting_jobs():
            await self._one(waiting[0])

    def _task(self, job: Record, folder: Path) -> Task:
        payload = job["payload"]
        validation: list[str] = payload["metadata"]["effective_config"]["data"].get("validation_files", [])
        training, *others = (self._path(id) for id in (payload["training_file_id"], *validation))
        return Task(job["id"], payload, training, others[0] if others else None, folder, job["attempt"])

    def _path(self, file: str) -> Path:
        found = self._store.file(file)
        assert found  # noqa: S101  admission refuses a job whose file is not ready
        return self._folder.file(found["digest"])

    async def _one(self, id: str) -> None:
        folder = self._folder.job(id)
        folder.mkdir(exist_ok=True)
        if not self._store.move(id, "running", of=("queued", "running")):
            return
        job = self._store.job(id)
        assert job  # noqa: S101  it was just moved
        task = self._task(job, folder)
        running = asyncio.create_task(self._executor.run(task, _Report(self._store, id)))
        self._running[id] = running
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:  # the service ends; the job resumes after its next start
            running.cancel(SERVICE_ENDS)
            await asyncio.wait([running])
            raise
        finally:
            del self._running[id]
        status, message, model = _fate(running)
        self._store.move(id, status, of=("running",), message=message, model=model)


def _fate(ended: asyncio.Task[str]) -> tuple[str, str, str | None]:
    """Return the status of a job that has ended, the reason and the model."""
    if ended.cancelled():
        return "cancelled", "", None
    match ended.exception():
        case None:
            return "succeeded", "", ended.result()
        case FailedError() as error:
            return "failed", str(error), None
        case error:
            return "failed", f"a bug in the executor: {type(error).__name__}: {error}", None


class _Report:
    """Writes what an executor reports about a job to the store."""

    def __init__(self, store: Store, id: str) -> None:
        self._store = store
        self._id = id
        self._odd: set[str] = set()

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        if type == "status":
            raise ValueError("only the service adds events of the type `status`")
        self._store.event(self._id, type, message, data or {})

    def metric(self, name: str, step: int, value: float) -> None:
        if math.isfinite(value):
            self._odd.discard(name)
            self._store.metric(self._id, name, step, value)
        elif name not in self._odd:  # once: a diverging run would report nothing else
            self._odd.add(name)
            data = {"name": name, "step": step, "value": str(value)}
            self.event("metric", f"{name} is {value} from step {step} on, which a metric cannot hold", data)

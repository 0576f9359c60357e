"""Work in the background: files checked and jobs run, one after the other, taken up after a crash."""

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

from sftc.service.data_folder import Folder
from sftc.service.executor import SERVICE_ENDS, Executor, FailedError, Task
from sftc.service.store import Store

_TRIES = 3
"""How often a check is begun that says nothing."""

_log = logging.getLogger(__name__)


class _Work(ABC):
    """Work that is done whenever there is some; after a failure again in `retry` seconds."""

    def __init__(self, store: Store, folder: Folder, retry: float) -> None:
        self._store = store
        self._folder = folder
        self._retry = retry
        self._more = asyncio.Event()
        self._more.set()

    def add(self) -> None:
        """Say that there is something to do."""
        self._more.set()

    async def run(self) -> None:
        """Do what there is to do, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            try:
                await self._all()
            except Exception:  # noqa: BLE001  a full disk, say: nobody would take the work up again
                _log.exception("work in the background failed, and is tried again in %s s", self._retry)
                self._more.set()
                await asyncio.sleep(self._retry)

    @abstractmethod
    async def _all(self) -> None:
        """Do all that there is to do."""


class Checks(_Work):
    """Checks uploaded files in a process of its own, so that the service goes on answering."""

    async def _all(self) -> None:
        for file in self._store.unchecked_files():
            path = self._folder.file(file["digest"])
            for _ in range(_TRIES):
                if report := await _report(path):
                    break
            self._store.checked(file["id"], *_found(report))


async def _report(path: Path) -> dict[str, Any] | None:
    """Return what `sftc dataset check` says of a file; None if it was killed, or could not begin."""
    command = (sys.executable, "-P", "-m", "sftc", "dataset", "check", "--format", "json", "--jobs", "1")
    try:
        process = await asyncio.create_subprocess_exec(
            *command, str(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
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
        [report] = json.loads(output)["files"]
    except (ValueError, KeyError):
        return None
    found: dict[str, Any] = report
    return found


def _found(report: Mapping[str, Any] | None) -> tuple[str, int | None, str | None]:
    """Return the status that a report gives a file, its rows and its error."""
    if not report:
        return "stopped", None, f"its check was stopped {_TRIES} times; upload it again to try once more"
    errors = [found for found in report["findings"] if found["severity"] == "error"]
    if errors:
        first = errors[0]
        return "failed", None, f"line {first['range']['start']['line']}: {first['message']} [{first['id']}]"
    return "ready", report["data"]["rows"], None


class Runner(_Work):
    """Runs jobs, the oldest first, and writes down what becomes of them."""

    def __init__(self, store: Store, folder: Folder, retry: float, executor: Executor) -> None:
        super().__init__(store, folder, retry)
        self._executor = executor
        self._running: dict[str, asyncio.Task[str]] = {}

    def cancel(self, id: str) -> None:
        """Cancel a job, wherever it is; one that runs is stopped, and does not run again."""
        if self._store.move(id, "cancelled", of=("created", "queued", "running")) and id in self._running:
            self._running[id].cancel()

    async def _all(self) -> None:
        while waiting := self._store.waiting_jobs():
            await self._one(waiting[0])

    async def _one(self, id: str) -> None:
        folder = self._folder.job(id)
        folder.mkdir(exist_ok=True)
        if not self._store.move(id, "running", of=("queued", "running")):
            return
        job = self._store.job(id)
        assert job  # noqa: S101  it was just moved
        names = [job["payload"]["training_file_id"], *_validation(job["payload"])]
        files = {
            name: self._folder.file(file["digest"]) for name in names if (file := self._store.file(name))
        }
        task = Task(id, job["payload"], files, folder, job["attempt"])
        running = asyncio.create_task(self._executor.run(task, _Report(self._store, id)))
        self._running[id] = running
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:  # the service ends; the job goes on after its next start
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
            return "failed", f"a fault of the executor: {type(error).__name__}: {error}", None


def _validation(payload: Mapping[str, Any]) -> list[str]:
    files: list[str] = payload["metadata"]["effective_config"]["data"].get("validation_files", [])
    return files


class _Report:
    """What an executor tells of a job goes to the store."""

    def __init__(self, store: Store, id: str) -> None:
        self._store = store
        self._id = id
        self._odd: set[str] = set()

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        if type == "status":
            raise ValueError("events of the type `status` are the service's own")
        self._store.event(self._id, type, message, data or {})

    def metric(self, name: str, step: int, value: float) -> None:
        if math.isfinite(value):
            self._odd.discard(name)
            self._store.metric(self._id, name, step, value)
        elif name not in self._odd:  # once, or a run that diverges would say nothing else
            self._odd.add(name)
            data = {"name": name, "step": step, "value": str(value)}
            self.event("metric", f"{name} is {value} from step {step} on, which no metric can show", data)

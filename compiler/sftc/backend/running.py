"""Work in the background: files checked and jobs run, one after the other, taken up after a crash."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sftc.backend.executor import Executor, FailedError, Task
from sftc.backend.folder import Folder
from sftc.backend.store import Store


class Checks:
    """Checks uploaded files in a process of its own, so that the service goes on answering."""

    def __init__(self, store: Store, folder: Folder) -> None:
        self._store = store
        self._folder = folder
        self._more = asyncio.Event()
        self._more.set()

    def add(self) -> None:
        """Say that there is a file to check."""
        self._more.set()

    async def run(self) -> None:
        """Check what there is to check, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            for file in self._store.unchecked_files():
                rows, error = await self._check(file["digest"])
                self._store.checked(file["id"], rows, error)

    async def _check(self, digest: str) -> tuple[int | None, str | None]:
        path = self._folder.file(digest)
        command = (sys.executable, "-P", "-m", "sftc", "dataset", "check", "--format", "json", "--jobs", "1")
        process = await asyncio.create_subprocess_exec(
            *command, str(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
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
            return None, "the file could not be checked"
        errors = [found for found in report["findings"] if found["severity"] == "error"]
        if errors:
            first = errors[0]
            return None, f"line {first['range']['start']['line']}: {first['message']} [{first['id']}]"
        return report["data"]["rows"], None


class Runner:
    """Runs jobs, the oldest first, and writes down what becomes of them."""

    def __init__(self, store: Store, folder: Folder, executor: Executor) -> None:
        self._store = store
        self._folder = folder
        self._executor = executor
        self._more = asyncio.Event()
        self._more.set()
        self._running: dict[str, asyncio.Task[str]] = {}

    def add(self) -> None:
        """Say that there is a job to run."""
        self._more.set()

    def cancel(self, id: str) -> None:
        """Stop a job, wherever it is."""
        if self._store.move(id, "cancelled", of=("created", "queued")):
            return
        if task := self._running.get(id):
            task.cancel()

    async def run(self) -> None:
        """Run what there is to run, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            while waiting := self._store.waiting_jobs():
                await self._one(waiting[0])

    async def _one(self, id: str) -> None:
        if not self._store.move(id, "running", of=("queued", "running")):
            return
        job = self._store.job(id)
        assert job  # noqa: S101  it was just moved
        folder = self._folder.job(id)
        folder.mkdir(exist_ok=True)
        names = [job["payload"]["training_file_id"], *_validation(job["payload"])]
        files = {
            name: self._folder.file(file["digest"]) for name in names if (file := self._store.file(name))
        }
        task = Task(id, job["payload"], files, folder, job["attempt"])
        self._running[id] = asyncio.create_task(self._executor.run(task, _Report(self._store, id)))
        try:
            model = await self._running[id]
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current and current.cancelling():  # the service ends; the job goes on after its next start
                raise
            self._store.move(id, "cancelled", of=("running",))
        except FailedError as error:
            self._store.move(id, "failed", of=("running",), message=str(error))
        except Exception as error:  # noqa: BLE001  whatever the executor does, the job must not hang
            message = f"a fault of the executor: {type(error).__name__}: {error}"
            self._store.move(id, "failed", of=("running",), message=message)
        else:
            self._store.move(id, "succeeded", of=("running",), model=model)
        finally:
            del self._running[id]


def _validation(payload: Mapping[str, Any]) -> list[str]:
    files: list[str] = payload["metadata"]["effective_config"]["data"].get("validation_files", [])
    return files


class _Report:
    """What an executor tells of a job goes to the store."""

    def __init__(self, store: Store, id: str) -> None:
        self._store = store
        self._id = id

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        self._store.event(self._id, type, message, data or {})

    def metric(self, name: str, step: int, value: float) -> None:
        self._store.metric(self._id, name, step, value)

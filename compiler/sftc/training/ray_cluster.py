"""The executor that has jobs trained by a Ray cluster: submitted, followed and stopped by Ray's job API.

All machines of the cluster see the service's data folder and its models, at the same paths; a
model of the hub's cache is in the cache of each. All have this version of this package with its
extra `ray`, and the head's `python` is the one that has it. The machines, or their GPUs, are alike,
and they are there: what the cluster does not hold when a job starts is refused, not waited for.
"""

import asyncio
import json
import os
import shlex
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sftc.service.executor import SERVICE_ENDS, FailedError, Report, Task
from sftc.training import job_spec as tasks
from sftc.training.job_spec import REPEATABLE, ExecutorOptions

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

MARK: Final = "sftc tells: "
"""What a line of the job's log begins with that is told to the executor."""

_PAUSE: Final = 5.0
"""Seconds until a cluster that does not answer is asked again."""

_GLANCE: Final = 0.2
"""Seconds until a job that is being stopped is looked at again."""


class RayExecutor:
    """Has jobs trained by the Ray cluster whose dashboard is at `address`, as `http://HOST:PORT`.

    A job is one Ray job of the same id, and Ray alone places its processes and starts them again.
    """

    def __init__(self, options: ExecutorOptions, address: str) -> None:
        models = options.models and os.path.abspath(options.models)
        self._options = options._replace(models=models)
        self._address = address

    async def run(self, task: Task, report: Report) -> str:
        """Train, and return the folder of the model; a Ray job that is there already is followed.

        Where it is cancelled the Ray job is stopped, unless the message is `SERVICE_ENDS`.

        Raises:
            FailedError: the job cannot be done.
        """
        begun = asyncio.create_task(asyncio.to_thread(self._begin, task))
        try:
            client = await asyncio.shield(begun)
            return await _follow(client, task, report)
        except asyncio.CancelledError as error:
            await asyncio.wait([begun])  # or a job would be submitted after it was stopped
            if not begun.exception() and SERVICE_ENDS not in error.args:
                await _stop(begun.result(), task.id, report)
            raise

    def _begin(self, task: Task) -> "JobSubmissionClient":
        """Submit the job, if it is not there, and return who can tell of it."""
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient

        file = tasks.write_spec(task, self._options)
        try:
            client = JobSubmissionClient(self._address)
            if not _find(client, task.id):
                _heard(task).unlink(missing_ok=True)
                client.submit_job(
                    submission_id=task.id,
                    entrypoint=shlex.join(["python", "-P", "-m", "sftc.training.ray_job", str(file)]),
                    runtime_env={"env_vars": REPEATABLE},
                )
        except (AuthenticationError, OSError, RuntimeError) as error:
            raise FailedError(f"the Ray cluster at {self._address} does not take it: {error}") from error
        return client


async def _follow(client: "JobSubmissionClient", task: Task, report: Report) -> str:
    """Tell what the job tells until it ends, and return the folder of the model."""
    from aiohttp import ClientError
    from ray.exceptions import AuthenticationError

    ears = _Ears(_heard(task), report)
    away = False
    while True:
        try:
            await ears.listen(client.tail_job_logs(task.id))
            details = await asyncio.to_thread(_find, client, task.id)
        except (AuthenticationError, ClientError, OSError, RuntimeError) as error:
            if not away:
                report.event("cluster", f"the Ray cluster does not answer, and is asked again: {error}")
            away = True
        else:
            away = False
            if not details:
                raise FailedError("the Ray cluster does not know the job any more: was it started anew?")
            if details.status.is_terminal():
                return ears.outcome(details)
        await asyncio.sleep(_PAUSE)


class _Ears:
    """Hears what a job tells in its log, and tells it once, however often the log is read."""

    def __init__(self, file: Path, report: Report) -> None:
        self._file = file
        self._report = report
        self._heard = int(file.read_bytes()) if file.exists() else 0
        self._model = ""
        self._failed = ""

    async def listen(self, log: AsyncIterator[str]) -> None:
        """Hear a log from its beginning to its end."""
        rest, number = "", 0
        async for text in log:
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                _, mark, told = line.partition(MARK)
                if mark:
                    number += 1
                    self._take(json.loads(told), new=number > self._heard)
            if number > self._heard:
                self._heard = number
                aside = self._file.with_suffix(".part")
                aside.write_text(str(number), encoding="ascii")
                os.replace(aside, self._file)

    def _take(self, told: dict[str, Any], *, new: bool) -> None:
        match told:
            case {"event": [type, message, data]} if new:
                self._report.event(type, message, data)
            case {"metric": [name, step, value]} if new:
                self._report.metric(name, step, value)
            case {"failed": reason}:
                self._failed = self._failed or reason  # what the others say then is a consequence
            case {"done": model}:
                self._model = model

    def outcome(self, details: "JobDetails") -> str:
        """Return the folder of the model that the job made."""
        if details.status == "SUCCEEDED" and self._model:
            return self._model
        if details.status == "STOPPED":
            raise FailedError("the Ray job was stopped, and not from here")
        last = (details.message or "it said nothing").strip().splitlines()[-1]
        raise FailedError(self._failed or f"the Ray job ended as {details.status}: {last[:500]}")


async def _stop(client: "JobSubmissionClient", id: str, report: Report) -> None:
    """Stop a job, and wait for its end."""
    from ray.exceptions import AuthenticationError

    def stop() -> None:
        client.stop_job(id)
        while not client.get_job_status(id).is_terminal():
            time.sleep(_GLANCE)

    try:
        await asyncio.to_thread(stop)
    except (AuthenticationError, OSError, RuntimeError) as error:
        report.event("cluster", f"the Ray job {id} could not be stopped, and may go on: {error}")


def _find(client: "JobSubmissionClient", id: str) -> "JobDetails | None":
    return next((job for job in client.list_jobs() if job.submission_id == id), None)


def _heard(task: Task) -> Path:
    return task.folder / "heard"

"""The Ray executor: submits, follows and stops jobs on a Ray cluster through Ray's job API.

Requirements on the cluster:

- Every machine sees the service's data folder and models folder at the same paths.
- A model from the Hugging Face cache is in the cache of every machine.
- Every machine has this version of sftc with the extra `ray`, and `python` on the head node is the
  interpreter that has it.
- All machines have the same kind of GPU.

A job that needs more machines or GPUs than the cluster has when it starts is refused. It does not
wait for an autoscaler.
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
"""Prefix of the lines in the job's log that are reports to the executor."""

_PAUSE: Final = 5.0
"""Polling interval in seconds."""

_GLANCE: Final = 0.2
"""Polling interval in seconds while a job is being stopped."""


class RayExecutor:
    """Trains jobs on the Ray cluster whose dashboard is at `address` (`http://HOST:PORT`).

    Each job becomes one Ray job with the same id. Ray places and restarts its processes.
    """

    def __init__(self, options: ExecutorOptions, address: str) -> None:
        models = options.models and os.path.abspath(options.models)
        self._options = options._replace(models=models)
        self._address = address

    async def run(self, task: Task, report: Report) -> str:
        """Train, and return the folder of the model.

        If the Ray job already exists, it is followed and not submitted again. Cancellation stops
        the Ray job, unless the message of the cancellation is `SERVICE_ENDS`.

        Raises:
            FailedError: training failed, or the cluster rejected the job.
        """
        begun = asyncio.create_task(asyncio.to_thread(self._begin, task))
        try:
            client = await asyncio.shield(begun)
            return await _follow(client, task, report)
        except asyncio.CancelledError as error:
            await asyncio.wait([begun])  # otherwise the job could be submitted after it was stopped
            if not begun.exception() and SERVICE_ENDS not in error.args:
                await _stop(begun.result(), task.id, report)
            raise

    def _begin(self, task: Task) -> "JobSubmissionClient":
        """Submit the job if the cluster does not have it, and return the client."""
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
            raise FailedError(f"the Ray cluster at {self._address} rejected the job: {error}") from error
        return client


async def _follow(client: "JobSubmissionClient", task: Task, report: Report) -> str:
    """Forward the job's reports until it ends, and return the folder of the model."""
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
                report.event("cluster", f"the Ray cluster does not respond; retrying: {error}")
            away = True
        else:
            away = False
            if not details:
                raise FailedError("the Ray cluster no longer has the job; it may have been restarted")
            if details.status.is_terminal():
                return ears.outcome(details)
        await asyncio.sleep(_PAUSE)


class _Ears:
    """Reads reports from a job's log, and forwards each report once even if the log is read again.

    `file` stores the number of forwarded reports.
    """

    def __init__(self, file: Path, report: Report) -> None:
        self._file = file
        self._report = report
        self._heard = int(file.read_bytes()) if file.exists() else 0
        self._model = ""
        self._failed = ""
        self._resumes = False

    async def listen(self, log: AsyncIterator[str]) -> None:
        """Read a log from start to end."""
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
                if not self._failed:  # later failures are consequences of the first
                    self._failed, self._resumes = reason, told.get("resumes", False)
            case {"done": model}:
                self._model = model

    def outcome(self, details: "JobDetails") -> str:
        """Return the folder of the model of a job that has ended.

        Raises:
            FailedError: the job did not succeed.
        """
        if details.status == "SUCCEEDED" and self._model:
            return self._model
        if details.status == "STOPPED":
            raise FailedError("the Ray job was stopped outside sftc")
        last = (details.message or "no message").strip().splitlines()[-1]
        reason = self._failed or f"the Ray job ended with status {details.status}: {last[:500]}"
        raise FailedError(reason, resumes=self._resumes)


async def _stop(client: "JobSubmissionClient", id: str, report: Report) -> None:
    """Stop a job, and wait until it has ended."""
    from ray.exceptions import AuthenticationError

    def stop() -> None:
        client.stop_job(id)
        while not client.get_job_status(id).is_terminal():
            time.sleep(_GLANCE)

    try:
        await asyncio.to_thread(stop)
    except (AuthenticationError, OSError, RuntimeError) as error:
        report.event("cluster", f"the Ray job {id} could not be stopped and may still run: {error}")


def _find(client: "JobSubmissionClient", id: str) -> "JobDetails | None":
    return next((job for job in client.list_jobs() if job.submission_id == id), None)


def _heard(task: Task) -> Path:
    return task.folder / "heard"

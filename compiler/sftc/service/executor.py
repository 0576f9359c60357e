"""The interface of executors, which run jobs, and the executor for installations without a trainer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

SERVICE_ENDS: Final = "the service ends"
"""Cancellation message if the service is ending. The job resumes when the service starts again."""


class Task(NamedTuple):
    """A job to run.

    Attributes:
        id: the id of the job.
        payload: its payload.
        training: the path of its training file.
        validation: the path of its validation file, or `None`.
        folder: a folder for this job only. It survives crashes.
        attempt: the number of this attempt, from 1. Later attempts resume where the last one stopped.
        git_revision: the commit that its config is from, if it is known.
    """

    id: str
    payload: Mapping[str, Any]
    training: Path
    validation: Path | None
    folder: Path
    attempt: int
    git_revision: str | None = None


class Report(Protocol):
    """How an executor reports its progress."""

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event to the job.

        `data` must have JSON types. `nan` and `inf` in it become null.

        Raises:
            ValueError: `type` is `status`, which is reserved, or `data` is nested too deep.
        """

    def metric(self, name: str, step: int, value: float) -> None:
        """Add a point of a metric, such as `train.loss`.

        JSON cannot represent `nan` and `inf`. If a metric becomes one of them, an event of type
        `metric` reports it, and no points are recorded until the metric is finite again.
        """


class FailedError(Exception):
    """The job failed. The message says why, and what to do.

    Attributes:
        resumes: whether the next job with the same payload continues in the folder of this one.
    """

    def __init__(self, reason: str = "", *, resumes: bool = False) -> None:
        super().__init__(reason)
        self.resumes = resumes


class Executor(Protocol):
    """Runs jobs, one at a time."""

    async def run(self, task: Task, report: Report) -> str:
        """Run `task` and return the name of the trained model.

        To cancel a job, the service cancels the asyncio task. If the service is ending, the
        cancellation has the message `SERVICE_ENDS`.

        Raises:
            FailedError: the job failed.
        """


class Missing:
    """The executor of an installation without a trainer: every job fails."""

    async def run(self, task: Task, report: Report) -> str:
        """Fail with a message that names the package to install.

        Raises:
            FailedError: always.
        """
        raise FailedError("training is not installed: pip install 'sftc[train]'")

"""The interface of what runs a job, and the executor of an installation without a trainer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

SERVICE_ENDS: Final = "the service ends"
"""The message of a cancellation after which the job is to resume when the service is back."""


class Task(NamedTuple):
    """A job to run: its payload, its files, and a folder of its own that survives crashes.

    `attempt` counts from 1; a later one resumes where an earlier one was stopped.
    """

    id: str
    payload: Mapping[str, Any]
    training: Path
    validation: Path | None
    folder: Path
    attempt: int


class Report(Protocol):
    """How an executor reports its progress."""

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event to the job; `data` has JSON types, and `nan` and `inf` in it become null.

        Raises:
            ValueError: `type` is `status`, which only the service adds, or `data` nests too deep.
        """

    def metric(self, name: str, step: int, value: float) -> None:
        """Add a point of a metric, such as `train.loss`.

        JSON cannot represent `nan` and `inf`: if a metric becomes one, an event of the type
        `metric` reports it, and there are no points until the metric is finite again.
        """


class FailedError(Exception):
    """The job cannot run; the message says why, and what to do."""


class Executor(Protocol):
    """Runs jobs, one at a time."""

    async def run(self, task: Task, report: Report) -> str:
        """Run `task` and return the name of the trained model.

        A job is cancelled as asyncio tasks are. When the service ends, the cancellation has the
        message `SERVICE_ENDS`.

        Raises:
            FailedError: the job cannot run.
        """


class Missing:
    """The executor of an installation without a trainer: every job fails."""

    async def run(self, task: Task, report: Report) -> str:
        """Fail with the package to install.

        Raises:
            FailedError: always.
        """
        raise FailedError("this installation cannot train: pip install 'sftc[train]'")

"""What runs a job: the interface, and the one there is until a trainer is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

SERVICE_ENDS: Final = "the service ends"
"""The message that a job is cancelled with where it is to go on when the service is back."""


class Task(NamedTuple):
    """A job to run: its payload, its files by id, a folder of its own that outlives crashes.

    `attempt` counts from 1; a later one goes on where an earlier one was stopped.
    """

    id: str
    payload: Mapping[str, Any]
    files: Mapping[str, Path]
    folder: Path
    attempt: int


class Report(Protocol):
    """How an executor tells of its progress."""

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event to the job; in `data`, of JSON's types, `nan` and `inf` become null.

        Raises:
            ValueError: `type` is `status`, which is the service's own, or `data` nests too deep.
        """

    def metric(self, name: str, step: int, value: float) -> None:
        """Add a point of a metric, such as `train.loss`.

        JSON has no form for `nan` and `inf`: where a metric becomes one an event of the type `metric`
        says so, and there are no points until it is finite again.
        """


class FailedError(Exception):
    """The job cannot be done; the message says why, and what to do."""


class Executor(Protocol):
    """Runs jobs, one at a time."""

    async def run(self, task: Task, report: Report) -> str:
        """Run `task` and return the name of the model that came of it.

        A cancelled job is cancelled as asyncio tasks are; so is one that the service leaves as it ends,
        with the message `SERVICE_ENDS`.

        Raises:
            FailedError: the job cannot be done.
        """


class Missing:
    """The executor of an installation that cannot train."""

    async def run(self, task: Task, report: Report) -> str:
        """Fail, and say what to install.

        Raises:
            FailedError: always.
        """
        raise FailedError("this installation cannot train: pip install 'sftc[train]'")

"""Show the progress of a job while it runs."""

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from shutil import get_terminal_size
from typing import Any, Final

import click

from sftc.cli.connection import Connection, say
from sftc.report.sparkline import sparkline
from sftc.report.terminal import printable
from sftc.submission.answers import first
from sftc.submission.client import ServiceClient
from sftc.submission.failures import UnreachableError
from sftc.submission.follow import Pace, follow_job

_BAR: Final = 20
_JOBS: Final = 1000


class Watch:
    """Print the statuses and events of a job as lines, and its progress on a live status line."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._figures: dict[str, float] = {}
        self._losses: list[float] = []
        self._step = self._begun = self._steps = 0
        self._since = self._now = 0.0

    def status(self, status: str) -> None:
        """Print a new status."""
        self.line(status, bold=True)

    def event(self, event: dict[str, Any]) -> None:
        """Print an event, except a status change, which `status` prints."""
        if event.get("type") == "status":
            return
        match event.get("data"):
            case {"steps": int(steps), "step": int(step)}:
                self._steps, self._begun, self._since = steps, step, _moment(event)
        self.line(f"{event.get('type')}: {event.get('message')}")

    def point(self, point: dict[str, Any]) -> None:
        """Record a metric, and update the status line if stderr is a terminal."""
        if not isinstance(value := point.get("value"), int | float):
            return
        self._figures[point["name"]] = value
        self._step, self._now = point["step"], _moment(point)
        if point["name"] == "train.loss":
            self._losses.append(value)
        if self._live:
            text = printable(f"{self._progress()}{self._left()}: {self._last()}")
            click.echo(f"\r\x1b[2K{text[: get_terminal_size().columns - 1]}", err=True, nl=False)

    def note(self, text: str) -> None:
        """Print a note about how the job is followed."""
        self.line(text)

    def end(self) -> None:
        """Print the final metrics and the loss curve."""
        if self._figures:
            self.line(f"{self._progress()}: {self._last()}")
            self._figures.clear()
        if len(self._losses) > 1:
            first, last = self._losses[0], self._losses[-1]
            self.line(f"train.loss {first:.4g} {sparkline(self._losses)} {last:.4g}")
            self._losses.clear()

    def _last(self) -> str:
        names = sorted(self._figures, key=lambda name: (not name.endswith("loss"), name))
        return ", ".join(f"{name} {self._figures[name]:.4g}" for name in names)

    def _progress(self) -> str:
        if not self._steps:
            return f"step {self._step:,}"
        filled = _BAR * self._step // self._steps
        return f"{'━' * filled}{'─' * (_BAR - filled)} step {self._step:,} of {self._steps:,}"

    def _left(self) -> str:
        done, left = self._step - self._begun, self._steps - self._step
        if done <= 0 or left <= 0 or not 0 < self._since < self._now:
            return ""
        return f", {timedelta(seconds=round((self._now - self._since) * left / done))} left"

    def line(self, text: str, *, bold: bool = False) -> None:
        """Print a line, replacing the status line if there is one."""
        start = "\r\x1b[2K" if self._live else ""
        click.echo(f"{start}sftc: {click.style(printable(text), bold=bold or None)}", err=True)


def _moment(told: dict[str, Any]) -> float:
    """Return the time of an event or a point in seconds since the epoch, or 0 if it has none."""
    try:
        return datetime.fromisoformat(str(told.get("created_at"))).timestamp()
    except ValueError:
        return 0.0


def watch(job: str, connection: Connection, pace: Pace, again: str) -> dict[str, Any]:
    """Follow a job until it succeeds, and return its last state.

    Ctrl-C stops following. On a permanent service the job keeps running.

    Args:
        job: the job id.
        connection: the service that runs the job.
        pace: the polling interval and timeout.
        again: the command line that resumes following, which is printed after an interruption.

    Raises:
        SubmissionError: the job fails, is cancelled, or cannot be followed.
    """
    shown = Watch()
    if connection.is_embedded and (before := _before(job, connection.service)):
        shown.line(f"{job} waits for {', '.join(before)}: `sftc jobs cancel` removes one")

    def sleep(seconds: float) -> None:
        if connection.has_ended:
            raise UnreachableError("the embedded service has ended")
        time.sleep(seconds)

    try:
        body = follow_job(job, connection.service, shown, pace, sleep)
    except KeyboardInterrupt:
        shown.end()
        if connection.process or (connection.address and not connection.address.stays):
            shown.line(f"{job} stops unless another command uses the service; to resume, run: {again}")
        else:
            shown.line(f"{job} keeps running; to follow it, run: {again}")
        raise
    except UnreachableError as error:
        raise UnreachableError(f"{error}; to follow it, run: {again}") from error
    finally:
        shown.end()
    model = first(body, connection.service.table.job.model)
    say(f"{job} succeeded{f': {model}' if model else ''}")
    return body


def _before(job: str, service: ServiceClient) -> list[str]:
    """Return the ids of the jobs that the embedded service runs before this one."""
    listed = service.get("jobs", {"limit": _JOBS})["jobs"]  # newest first
    ids = [each["id"] for each in listed]
    older = listed[ids.index(job) + 1 :] if job in ids else []
    return [each["id"] for each in older if each["status"] in {"queued", "running"}]


def bar(label: str) -> Callable[[int, int], None]:
    """Return a callback that shows the progress of an upload on a terminal.

    It takes the bytes sent and the total size in bytes.
    """
    from sftc.cli.progress_bar import ProgressBar

    progress = ProgressBar()

    def step(done: int, size: int) -> None:
        progress.step(label, done, size)
        if done >= size:
            progress.clear()

    return step

"""A job, shown while it runs."""

import sys
from collections.abc import Callable
from typing import Any

import click

from sftc.cli.connecting import Connection, say
from sftc.report.text import printable
from sftc.submission.failures import UnreachableError
from sftc.submission.following import Pace, follow


class Watch:
    """Prints a job's statuses and events as lines, and its last figures as a line that moves."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._figures: dict[str, str] = {}
        self._step = 0

    def status(self, status: str) -> None:
        """Print a status."""
        self.line(status, bold=True)

    def event(self, event: dict[str, Any]) -> None:
        """Print an event; statuses are printed as they are seen."""
        if event.get("type") != "status":
            self.line(f"{event.get('type')}: {event.get('message')}")

    def point(self, point: dict[str, Any]) -> None:
        """Show the last figures on a terminal."""
        value = point.get("value")
        self._figures[point["name"]] = f"{value:.4g}" if isinstance(value, int | float) else str(value)
        self._step = point["step"]
        if self._live:
            click.echo(f"\r\x1b[2K{printable(self._text())}", err=True, nl=False)

    def note(self, text: str) -> None:
        """Print what is to be known of how it is followed."""
        self.line(text)

    def end(self) -> None:
        """Print the last figures for good."""
        if self._figures:
            self.line(self._text())
            self._figures.clear()

    def _text(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in sorted(self._figures.items()))
        return f"step {self._step:,}: {figures}"

    def line(self, text: str, *, bold: bool = False) -> None:
        """Print a line, in place of what stands on the last one of a terminal."""
        start = "\r\x1b[2K" if self._live else ""
        click.echo(f"{start}sftc: {click.style(printable(text), bold=bold or None)}", err=True)


def watch(job: str, connection: Connection, pace: Pace, again: str) -> dict[str, Any]:
    """Follow a job to its end; an interruption leaves it running, and says how to come back (`again`).

    Raises:
        SubmissionError: it does not succeed.
    """
    shown = Watch()
    try:
        body = follow(job, connection.service, shown, pace)
    except KeyboardInterrupt:
        shown.end()
        if connection.is_local:
            shown.line(f"the embedded service stops, and {job} with it; it goes on with: {again}")
        else:
            shown.line(f"{job} runs on; come back with: {again}")
        raise
    except UnreachableError as error:
        raise UnreachableError(f"{error}; come back with: {again}") from error
    finally:
        shown.end()
    model = body.get("fine_tuned_model")
    say(f"{job} succeeded{f': {model}' if model else ''}")
    return body


def bar(label: str) -> Callable[[int, int], None]:
    """Return what shows the progress of an upload on a terminal."""
    from sftc.cli.progress import Progress

    progress = Progress()

    def step(done: int, size: int) -> None:
        progress.step(label, done, size)
        if done >= size:
            progress.clear()

    return step

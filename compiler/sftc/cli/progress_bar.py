"""A progress bar for commands that take longer than a second."""

import sys
import time
from typing import Any, Self

import click

from sftc.report.terminal import printable

_AFTER = 1.0
_EVERY = 0.1
_LABEL = 40


class ProgressBar:
    """Show on stderr how much of a file is processed, if stderr is a terminal.

    The bar appears after one second, is redrawn at most ten times per second, and is removed at
    the end.
    """

    def __init__(self) -> None:
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + _AFTER
        self._path = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def step(self, path: str, done: int, size: int | None) -> None:
        """Report progress.

        Args:
            path: the file.
            done: the number of bytes processed.
            size: the size of the file in bytes, or `None` if it is unknown.
        """
        now = time.monotonic()
        if not self._shown or now < self._next:
            return
        self._next = now + _EVERY
        if path != self._path:
            self.clear()
            self._path = path
            label = printable(path)[-_LABEL:]
            self._bar = click.progressbar(length=size or 0, label=label, file=sys.stderr)
        if size:
            self._bar.update(done - self._bar.pos)
        self._bar.render_progress()

    def clear(self) -> None:
        """Remove the bar, so that other text can be printed."""
        if self._bar:
            click.echo("\r\x1b[2K\x1b[?25h", file=sys.stderr, nl=False)  # click hides the cursor
            self._bar = None
            self._path = ""

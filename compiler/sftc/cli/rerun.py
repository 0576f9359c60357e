"""Run a command again whenever a file that it reads changes: the option `--watch`."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NoReturn

import click

from sftc.cli.output import show_error
from sftc.contract.versions import EXTENDS
from sftc.document.bases import chain_of
from sftc.report.terminal import printable
from sftc.text.plural import counted
from sftc.text.source import STDIN
from sftc.tools.lint import files

_PAUSE: Final = 0.2
"""Seconds between two looks at the files."""

_Stamps = Mapping[str, tuple[int, ...] | None]
"""What changes with each change of a file, by path; `None` for a file that is not there."""


def rerun(work: Callable[[], object], paths: Iterable[str]) -> NoReturn:
    """Do `work`, and do it again each time that something changes, until Ctrl-C.

    Args:
        work: runs the command once. It must not wait for what is in the place of a config, such as a pipe.
        paths: the configs that it reads, or folders of configs. What they extend is watched, too.

    Raises:
        click.UsageError: one of `paths` is standard input.
    """
    given = tuple(paths)
    if STDIN in given:
        raise click.UsageError("--watch needs files; stdin does not change.")
    while True:
        before = _stamps(_watched(given))
        try:
            work()
        except click.ClickException as error:
            show_error(error)
        number = sum(not os.path.isdir(path) for path in before)
        click.echo(f"sftc: watching {counted(number, 'file')}; Ctrl-C ends", err=True)
        changed = _wait(before)
        click.echo(f"sftc: {', '.join(map(printable, changed))} changed", err=True)


def _watched(paths: Iterable[str]) -> Iterator[str]:
    """Yield the files and folders whose changes matter; a folder changes if a file comes or goes."""
    for path in files(paths):
        yield from chain_of(path, EXTENDS)
    for path in paths:
        for folder, inner, _ in os.walk(path):
            inner[:] = [each for each in inner if not each.startswith(".")]
            yield folder


def _wait(before: _Stamps) -> list[str]:
    """Wait for a change, and until it is over: an editor that saves may take a file away for a moment."""
    while (now := _stamps(before)) == before:
        time.sleep(_PAUSE)
    while True:
        time.sleep(_PAUSE)
        later = _stamps(before)
        if later == now:
            return [path for path in before if before[path] != now[path]]
        now = later


def _stamps(paths: Iterable[str]) -> _Stamps:
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode

"""What the commands about training files share: the option `--jobs`, and which files are meant."""

import os
from collections.abc import Sequence
from glob import glob, has_magic

import click

from sftc.text.source import STDIN

MOST_JOBS = 8
"""With more processes the one that reads and hashes is what all others wait for."""


def cores() -> int:
    """Return how many processes to use where nothing is said."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(number or 1, MOST_JOBS)


jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    default=cores,
    help=f"The number of processes; one a core by default, {MOST_JOBS} at most.",
)
"""The option `--jobs`."""


def expand_data_files(patterns: Sequence[str]) -> list[str]:
    """Return the files that `patterns` mean, each once: a name that is a file is no glob.

    Raises:
        click.UsageError: a glob finds nothing.
    """
    paths: list[str] = []
    for pattern in patterns:
        if pattern == STDIN or os.path.lexists(pattern) or not has_magic(pattern):
            paths.append(pattern)
            continue
        found = sorted(glob(pattern, recursive=True))
        if not found:
            raise click.UsageError(f"no file is called {pattern}.")
        paths += found
    unique: dict[str, str] = {}
    for path in paths:
        unique.setdefault(STDIN if path == STDIN else os.path.abspath(path), path)
    return [*unique.values()]

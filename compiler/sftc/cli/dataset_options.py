"""Shared parts of the `sftc dataset` commands: the option `--jobs` and the expansion of globs."""

import os
from collections.abc import Sequence
from glob import glob, has_magic

import click

from sftc.text.source import STDIN

MOST_JOBS = 8
"""The most processes that are useful. Beyond this, reading and hashing the file is the bottleneck."""


def cores() -> int:
    """Return the default number of processes."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(number or 1, MOST_JOBS)


jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    default=cores,
    help=f"Number of processes. [default: one per core, at most {MOST_JOBS}]",
)
"""The option `--jobs`."""


def expand_data_files(patterns: Sequence[str]) -> list[str]:
    """Return the files that match `patterns`, without duplicates.

    A pattern that is the name of an existing file is not expanded.

    Raises:
        click.UsageError: a glob pattern matches no file.
    """
    paths: list[str] = []
    for pattern in patterns:
        if pattern == STDIN or os.path.lexists(pattern) or not has_magic(pattern):
            paths.append(pattern)
            continue
        found = sorted(glob(pattern, recursive=True))
        if not found:
            raise click.UsageError(f"no file matches {pattern}.")
        paths += found
    unique: dict[str, str] = {}
    for path in paths:
        unique.setdefault(STDIN if path == STDIN else os.path.abspath(path), path)
    return [*unique.values()]

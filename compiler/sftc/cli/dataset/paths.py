"""Which training files the arguments of a command line mean."""

import os
from collections.abc import Sequence
from glob import glob, has_magic

import click

from sftc.document.reading import STDIN


def expand(patterns: Sequence[str]) -> list[str]:
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

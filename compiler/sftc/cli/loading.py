"""Configs for commands that need one that compiles."""

import os
import subprocess
from collections.abc import Iterable

import click

from sftc.document.overrides import Override
from sftc.document.reading import decode, read
from sftc.payload.mapping import apply
from sftc.pipeline import examine
from sftc.text.source import Source
from sftc.tools.diff import Side


def load(path: str, overrides: Iterable[Override] = ()) -> Side:
    """Return the config at `path`, a file or, as `REV:PATH`, one of the git repository, compiled.

    Raises:
        click.ClickException: it has errors; the findings are printed.
        click.UsageError: git does not know it.
    """
    in_git = ":" in path and not os.path.exists(path)
    findings, document, contract = examine(lambda: _from_git(path) if in_git else read(path), overrides)
    errors = [found for found in findings if found.is_error]
    if errors or not document or not contract:
        from sftc.report.text import count, render

        click.echo(f"{render(errors)}{count(errors)}", err=True)
        raise click.ClickException(f"{path} does not compile.")
    return Side(document, contract, apply(contract.rules, document.values))


def _from_git(name: str) -> Source:
    command = ["git", "show", "--end-of-options", name]
    try:
        show = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell, and no option
    except OSError as error:
        raise click.UsageError(f"git cannot be run: {error}") from error
    if show.returncode:
        raise click.UsageError(show.stderr.decode(errors="replace").strip())
    return decode(name, show.stdout)

"""The configs that a command line means: found in folders, or loaded and compiled."""

import os
import subprocess
from collections.abc import Iterable, Sequence

import click

from sftc.document.overrides import Override
from sftc.document.reading import STDIN, decode_source, read_source
from sftc.payload.mapping import to_payload
from sftc.pipeline import examine
from sftc.text.source import Source
from sftc.tools.diff import Side
from sftc.tools.lint import files


def expand_configs(paths: Sequence[str], *, to_change: bool) -> list[str]:
    """Return the configs that `paths` mean, which are files if they are `to_change`.

    Raises:
        click.UsageError: there are none, or stdin is to be changed.
    """
    configs = files(paths)
    if not configs:
        raise click.UsageError(f"no configs in {', '.join(paths)}.")
    if to_change and STDIN in configs:
        raise click.UsageError("stdin has no file that could be changed.")
    return configs


def load_compiled(path: str, overrides: Iterable[Override] = ()) -> Side:
    """Return the config at `path`, a file or, as `REV:PATH`, one of the git repository, compiled.

    Raises:
        click.ClickException: it has errors; the findings are printed.
        click.UsageError: git does not know it.
    """
    in_git = ":" in path and not os.path.exists(path)
    findings, document, contract = examine(
        lambda: _from_git(path) if in_git else read_source(path), overrides
    )
    errors = [found for found in findings if found.is_error]
    if errors or not document or not contract:
        from sftc.report.terminal import render, summary

        click.echo(f"{render(errors)}{summary(errors)}", err=True)
        raise click.ClickException(f"{path} does not compile.")
    return Side(document, contract, to_payload(contract.mapping, document.values))


def _from_git(name: str) -> Source:
    command = ["git", "show", "--end-of-options", name]
    try:
        show = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell, and no option
    except OSError as error:
        raise click.UsageError(f"git cannot be run: {error}") from error
    if show.returncode:
        raise click.UsageError(show.stderr.decode(errors="replace").strip())
    return decode_source(name, show.stdout)

"""The configs that a command line means: found in folders, or loaded and compiled."""

import os
import subprocess
from collections.abc import Iterable, Sequence

import click

from sftc.document.overrides import Override
from sftc.document.reading import decode_source, read_source
from sftc.pipeline import Compiled, run
from sftc.text.source import STDIN, Source
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


def load_compiled(path: str, overrides: Iterable[Override] = ()) -> Compiled:
    """Return the compiled config at `path`: a file, or `REV:PATH` in the git repository.

    Raises:
        click.ClickException: the config has errors; the findings are printed.
        click.UsageError: git does not know the revision or the path.
    """
    in_git = ":" in path and not os.path.exists(path)
    compiled = run(lambda: _from_git(path) if in_git else read_source(path), overrides)
    if not compiled.ok:
        from sftc.report.terminal import render, summary

        errors = [found for found in compiled.findings if found.is_error]
        click.echo(f"{render(errors)}{summary(errors)}", err=True)
        raise click.ClickException(f"{path} does not compile.")
    return compiled


def _from_git(name: str) -> Source:
    command = ["git", "show", "--end-of-options", name]
    try:
        show = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell, and no option
    except OSError as error:
        raise click.UsageError(f"git cannot be run: {error}") from error
    if show.returncode:
        raise click.UsageError(show.stderr.decode(errors="replace").strip())
    return decode_source(name, show.stdout)

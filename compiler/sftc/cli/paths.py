"""Which configs the paths of a command line mean."""

from collections.abc import Sequence

import click

from sftc.document.reading import STDIN
from sftc.tools.lint import files


def expand(paths: Sequence[str], *, to_change: bool) -> list[str]:
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

"""Before an upload to the embedded service: does the chat template of the base model accept the rows?"""

import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from sftc.cli.connection import say
from sftc.cli.exits import FINDINGS

if TYPE_CHECKING:
    from sftc.submission.upload import DataFile


def check_rows(model: str, models_dir: str | None, files: Iterable["DataFile | None"]) -> None:
    """Exit, with the lines and reasons, if the chat template of the base model refuses a row.

    Does nothing if transformers is not installed, or if the model is not on this machine.

    Args:
        model: `job.model`.
        models_dir: the folder of base models, if there is one.
        files: the training file, and perhaps the validation file.
    """
    if not find_spec("transformers"):
        return
    from sftc.report.terminal import printable

    for file in filter(None, files):  # in a child process, so that its memory is released
        command = [sys.executable, "-P", "-m", "sftc.training.check_rows", model, models_dir or "", file.path]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  it runs this package
        lines = done.stdout.decode(errors="replace").splitlines()
        if lines and done.returncode not in (0, 1):
            for line in lines:
                click.echo(printable(line.replace(file.path, str(file), 1)), err=True)
            say("nothing was sent (--no-preflight sends it)")
            sys.exit(FINDINGS)

"""The service of this machine: one that runs already, or one of the command's own."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sftc.backend.address import Address
    from sftc.cli.training import TrainingOptions
    from sftc.submission.settings import Backend

LISTENING = "Listening on "
"""What `sftc serve` prints before its URL."""


def data_folder() -> Path:
    """Return where the embedded service of this user keeps its data."""
    from sftc.submission.journal import state_folder

    return state_folder() / "service"


def running() -> "Address | None":
    """Return where the embedded service of this user is reached, if one runs."""
    from sftc.backend.address import find

    return find(data_folder())


def reached(address: "Address") -> "Backend":
    """Return the service at an address."""
    from sftc.submission.settings import Backend, Key

    return Backend(f"{address.url}/api", Key(address.token))


@contextmanager
def started(
    folder: Path, training: "TrainingOptions | None"
) -> Iterator[tuple["Backend", "subprocess.Popen[str]"]]:
    """Start a service over a data folder, and stop it in the end; it runs jobs where `training` is given.

    Raises:
        click.ClickException: it does not start; why is on stderr.
    """
    from sftc.submission.settings import Backend, Key

    token = secrets.token_urlsafe(32)
    command = [sys.executable, "-P", "-m", "sftc", "serve", "--port", "0", "--data-dir", str(folder)]
    command += ["--until-stdin-ends", *(training.arguments() if training else ["--idle"])]
    environment = {**os.environ, "SFTC_TOKEN": token}
    with subprocess.Popen(  # noqa: S603  it is this program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(LISTENING):
                process.wait()
                raise click.ClickException("the embedded service does not start")
            yield Backend(f"{line.removeprefix(LISTENING).strip()}/api", Key(token)), process
        finally:
            process.terminate()

"""Find the running embedded service, or start one for the current command."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sftc.private import private_opener

if TYPE_CHECKING:
    from sftc.cli.training_options import TrainingOptions
    from sftc.service.address import Address
    from sftc.service.lease import Lease
    from sftc.submission.endpoint import Backend

LISTENING = "Listening on "
"""The text that `sftc serve` prints before its URL."""

_LOG = "service.log"
_PAUSE = 0.05


def data_folder() -> Path:
    """Return the data folder of this user's embedded service."""
    from sftc.submission.journal import state_folder

    return state_folder() / "service"


def running() -> "Address | None":
    """Return the address of this user's embedded service, or `None` if it is not running."""
    from sftc.service.address import find_service

    return find_service(data_folder())


@contextmanager
def embedded(
    folder: Path, training: "TrainingOptions | None"
) -> Iterator[tuple["Backend", "subprocess.Popen[str] | None", "Address | None"]]:
    """Connect to the embedded service of a data folder, and start it if it is not running.

    Yields the backend, then the process if the service was started here, then the address if it
    was already running. A service that is started here keeps running as long as any command uses it.

    Args:
        folder: the data folder.
        training: how the service trains if it is started here. Without it, it runs no jobs.

    Raises:
        click.ClickException: the service does not start. Its log is printed to stderr.
    """
    from sftc.service.address import find_service
    from sftc.service.lease import Lease

    with Lease(folder) as lease:
        address = _found(folder, lease)
        if not address:
            token = secrets.token_urlsafe(32)
            process = _start(folder, token, training)
            line = process.stdout.readline() if process.stdout else ""
            if line.startswith(LISTENING):
                lease.share()
                try:
                    yield _backend(line.removeprefix(LISTENING).strip(), token), process, None
                finally:
                    _leave(process, lease)
                return
            process.wait()
            click.echo((folder / _LOG).read_text(encoding="utf-8", errors="replace"), err=True, nl=False)
            address = find_service(folder)  # `sftc serve` may have started first
        if not address:
            raise click.ClickException("the embedded service does not start")
        lease.share()
        yield _backend(address.url, address.token), None, address


def _found(folder: Path, lease: "Lease") -> "Address | None":
    """Return the address of the running service, or `None`.

    The lease is shared in the first case and exclusive in the second.
    """
    from sftc.service.address import find_service

    while True:
        lease.share()  # waits while another command starts or stops the service
        if address := find_service(folder):
            return address
        if lease.take_now() and not find_service(folder):
            return None
        time.sleep(_PAUSE)  # another command is looking too, or uses a service that runs no jobs


def _backend(url: str, token: str) -> "Backend":
    from sftc.submission.endpoint import ApiKey, Backend

    return Backend(f"{url}/api", ApiKey(token))


def _start(folder: Path, token: str, training: "TrainingOptions | None") -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "sftc", "serve", "--port", "0", "--data-dir", str(folder)]
    command += ["--until-stdin-ends", *(training.arguments() if training else ["--idle"])]
    with open(
        folder / _LOG, "wb", opener=private_opener
    ) as log:  # a file, not a pipe: the service may outlive this command
        return subprocess.Popen(  # noqa: S603  runs sftc itself
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "SFTC_TOKEN": token},
            start_new_session=True,
        )


def _leave(process: "subprocess.Popen[str]", lease: "Lease") -> None:
    """Stop the service, unless other commands use it. Then it stops when the last of them exits."""
    if lease.take_now():
        process.terminate()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()

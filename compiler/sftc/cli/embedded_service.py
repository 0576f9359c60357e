"""The service of this machine: one that runs already, or one of the command's own."""

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

if TYPE_CHECKING:
    from sftc.cli.training_options import TrainingOptions
    from sftc.service.address import Address
    from sftc.service.lease import Lease
    from sftc.submission.endpoint import Backend

LISTENING = "Listening on "
"""What `sftc serve` prints before its URL."""

_LOG = "service.log"
_PAUSE = 0.05


def data_folder() -> Path:
    """Return where the embedded service of this user keeps its data."""
    from sftc.submission.journal import state_folder

    return state_folder() / "service"


def running() -> "Address | None":
    """Return where the embedded service of this user is reached, if one runs."""
    from sftc.service.address import find_service

    return find_service(data_folder())


@contextmanager
def embedded(
    folder: Path, training: "TrainingOptions | None"
) -> Iterator[tuple["Backend", "subprocess.Popen[str] | None", "Address | None"]]:
    """Reach the service over a data folder: its address if it runs, or the process if it is started.

    It stays for as long as any command uses it. One that is started runs jobs where `training` is given.

    Raises:
        click.ClickException: it does not start; why is on stderr.
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
            address = find_service(folder)  # `sftc serve` may have been faster
        if not address:
            raise click.ClickException("the embedded service does not start")
        lease.share()
        yield _backend(address.url, address.token), None, address


def _found(folder: Path, lease: "Lease") -> "Address | None":
    """Return where the service runs, with the lease shared; or nothing, with the lease held alone."""
    from sftc.service.address import find_service

    while True:
        lease.share()  # once nobody is starting or ending it
        if address := find_service(folder):
            return address
        if lease.take_now() and not find_service(folder):
            return None
        time.sleep(_PAUSE)  # others look for it, too, or use one that runs no jobs


def _backend(url: str, token: str) -> "Backend":
    from sftc.submission.endpoint import ApiKey, Backend

    return Backend(f"{url}/api", ApiKey(token))


def _start(folder: Path, token: str, training: "TrainingOptions | None") -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "sftc", "serve", "--port", "0", "--data-dir", str(folder)]
    command += ["--until-stdin-ends", *(training.arguments() if training else ["--idle"])]
    with (folder / _LOG).open("wb") as log:  # it may outlive this command, and whoever reads what that says
        return subprocess.Popen(  # noqa: S603  it is this program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "SFTC_TOKEN": token},
            start_new_session=True,
        )


def _leave(process: "subprocess.Popen[str]", lease: "Lease") -> None:
    """End a service, or leave it to the other commands that use it: it ends with the last of them."""
    if lease.take_now():
        process.terminate()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()

"""`sftc serve`: run the embedded service."""

import errno
import os
import re
import secrets
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import click

from sftc.cli.connection import say
from sftc.cli.embedded_service import LISTENING, data_folder
from sftc.cli.output import write_stdout
from sftc.cli.training_options import TrainingOptions, executor, training_options


@click.command("serve", short_help="Run the training service on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="Another name by which clients call this machine. May be repeated.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port; 0 picks a free one.",
)
@click.option(
    "--data-dir", metavar="FOLDER", help="Folder for files and jobs. [default: in your state folder]"
)
@click.option(
    "--token",
    envvar="SFTC_TOKEN",
    metavar="TOKEN",
    help="Token that requests must carry. [$SFTC_TOKEN; default: a random one]",
)
@training_options
@click.option("--until-stdin-ends", is_flag=True, hidden=True)
@click.option("--idle", is_flag=True, hidden=True)
def serve_command(
    host: str,
    names: tuple[str, ...],
    port: int,
    data_dir: str | None,
    token: str | None,
    until_stdin_ends: bool,
    idle: bool,
    **training: Any,
) -> None:
    """Run the training service on this machine until interrupted.

    It has the API of the hosted service. Files and jobs survive a crash, and jobs resume.
    """
    from sftc.service.address import Address
    from sftc.service.app import EmbeddedService
    from sftc.service.data_folder import InUseError
    from sftc.service.server import serve

    folder = Path(data_dir) if data_dir else data_folder()
    if token is not None and not re.fullmatch("[!-~]+", token):
        raise click.UsageError("a token is ASCII characters without spaces.")
    made = token is None
    token = token or secrets.token_urlsafe(24)
    options = TrainingOptions(**training)
    os.umask(0o077)  # what the trainer writes is for its owner only, as the rest of the data folder
    try:
        service = EmbeddedService(folder, token, None if idle else executor(options))
    except InUseError as error:
        raise click.ClickException(f"{error}: end it first, or name another --data-dir.") from error
    except sqlite3.Error as error:
        raise click.ClickException(f"the database in {folder} cannot be used: {error}.") from error
    if made:
        say(f"requests need this token: export SYNTH_API_KEY={token}")
    if until_stdin_ends:
        Thread(target=_end_with_stdin, args=(folder,), daemon=True).start()
    else:
        say(f"files and jobs are in {folder}")

    def ready(url: str) -> None:
        near = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        if not idle:
            try:
                service.publish(Address(near, token, options.arguments(), stays=not until_stdin_ends))
            except OSError as error:
                say(f"warning: other commands cannot find this service: {error}")
        write_stdout(f"{LISTENING}{url}\n")
        if not until_stdin_ends:
            say(f"open {near} in a browser to see the jobs; it asks for the token once")

    with _port_failure(host, port):
        serve(service, host, port, ready, names)


@contextmanager
def _port_failure(host: str, port: int) -> Iterator[None]:
    """Say what to do if another program listens on the port."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise click.ClickException(
            f"port {port} of {host} is in use: pass --port with another one, or 0 for any that is free."
        ) from error


def _end_with_stdin(folder: Path) -> None:
    """Stop this process when its parent has exited or crashed and no other command uses the service."""
    from sftc.service.lease import Lease

    sys.stdin.buffer.read()
    Lease(folder).take()
    os.kill(os.getpid(), signal.SIGTERM)

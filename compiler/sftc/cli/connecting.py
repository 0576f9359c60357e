"""Commands that speak to a service: their options, the connection, and what failures exit with."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from sftc.cli.exits import JOB_CANCELLED, JOB_FAILED, REFUSED, UNREACHABLE

if TYPE_CHECKING:
    from sftc.submission.journal import Journal
    from sftc.submission.service import Service

_Function = TypeVar("_Function", bound=Callable[..., Any])


class ServiceOptions(NamedTuple):
    """Which service, and the way to its key."""

    backend: str | None
    env_file: str | None
    allow_insecure: bool


def service_options(command: _Function) -> _Function:
    """Add the options of `ServiceOptions` to a command, which gets them as arguments."""
    for option in (
        click.option(
            "--allow-insecure", is_flag=True, help="Send the key over plain HTTP to another machine, too."
        ),
        click.option("--env-file", metavar="FILE", help="Read variables from this dotenv file, too."),
        click.option(
            "--backend",
            metavar="URL",
            help="The service, or `local` for the embedded one; $BACKEND_BASE_URL, else `local`, by default.",
        ),
    ):
        command = option(command)
    return command


class Connection(NamedTuple):
    """A service that can be spoken to, and its journal; `is_local` if it ends with this process."""

    service: "Service"
    journal: "Journal"
    is_local: bool


@contextmanager
def connected(options: ServiceOptions) -> Iterator[Connection]:
    """Connect to the service of `options`; a local one is started, and stopped in the end.

    Raises:
        click.UsageError: the service or its key is not named as it should be.
    """
    from sftc.submission import settings
    from sftc.submission.journal import Journal
    from sftc.submission.service import Service

    with ExitStack() as stack:
        try:
            variables = settings.environment(options.env_file)
            url = settings.base_url(options.backend, variables)
            is_local = url == settings.LOCAL
            if is_local:
                folder = data_folder()
                say(f"using the embedded service of this machine, in {folder}")
                backend, identity = stack.enter_context(_embedded(folder)), f"{settings.LOCAL}\n{folder}"
            else:
                backend = settings.backend(url, variables, allow_insecure=options.allow_insecure)
                identity = backend.identity
        except settings.SettingsError as error:
            raise click.UsageError(f"{error}.") from error
        journal = stack.enter_context(Journal(identity))
        yield Connection(stack.enter_context(Service(backend, say)), journal, is_local)


def data_folder() -> Path:
    """Return where the embedded service of this user keeps its data."""
    from sftc.submission.journal import state_folder

    return state_folder() / "service"


@contextmanager
def _embedded(folder: Path) -> Iterator[Any]:
    from sftc.submission.settings import Backend, Key

    token = secrets.token_urlsafe(32)
    command = [sys.executable, "-P", "-m", "sftc", "serve", "--port", "0", "--data-dir", str(folder)]
    command.append("--until-stdin-ends")
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
            yield Backend(f"{line.removeprefix(LISTENING).strip()}/api", Key(token))
        finally:
            process.terminate()


LISTENING = "Listening on "
"""What `sftc serve` prints before its URL."""


def say(text: str) -> None:
    """Tell the person, on stderr, what is being done."""
    from sftc.report.text import printable

    click.echo(f"sftc: {printable(text)}", err=True)


@contextmanager
def failures() -> Iterator[None]:
    """Say what failed, and exit with the code that stands for it."""
    from sftc.submission.failures import (
        JobCancelledError,
        JobFailedError,
        RefusedError,
        SubmissionError,
    )

    codes: dict[type[SubmissionError], int] = {
        RefusedError: REFUSED,
        JobFailedError: JOB_FAILED,
        JobCancelledError: JOB_CANCELLED,
    }
    try:
        yield
    except SubmissionError as error:
        say(str(error))
        sys.exit(codes.get(type(error), UNREACHABLE))

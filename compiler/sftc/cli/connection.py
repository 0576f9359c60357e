"""Commands that speak to a service: their options, the connection, and what failures exit with."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from sftc.cli.embedded_service import data_folder, embedded, running
from sftc.cli.exits import FINDINGS, JOB_CANCELLED, JOB_FAILED, REFUSED, UNREACHABLE

if TYPE_CHECKING:
    import subprocess

    from sftc.cli.training_options import TrainingOptions
    from sftc.service.address import Address
    from sftc.submission.client import ServiceClient
    from sftc.submission.endpoint import Backend
    from sftc.submission.follow import Pace
    from sftc.submission.journal import Journal

_POSITIVE = click.FloatRange(0, min_open=True)
_Function = TypeVar("_Function", bound=Callable[..., Any])


class ServiceOptions(NamedTuple):
    """Which service, and the way to its key."""

    backend: str | None
    env_file: str | None
    allow_insecure: bool

    def named(self) -> "Backend | None":
        """Return the service and the key to it; `None` for the embedded one.

        Raises:
            click.UsageError: one of them is not named as it should be.
        """
        from sftc.submission import endpoint

        try:
            variables = endpoint.environment(self.env_file)
            url = endpoint.base_url(self.backend, variables)
            if url == endpoint.LOCAL:
                return None
            return endpoint.backend_at(url, variables, allow_insecure=self.allow_insecure)
        except endpoint.SettingsError as error:
            raise click.UsageError(f"{error}.") from error

    def stays(self) -> None:
        """Make sure that the service outlives the command.

        Raises:
            click.UsageError: it does not, or is not named as it should be.
        """
        if self.named() is None and not ((runs := running()) and runs.stays):
            ends = "the commands that use it: end them, and" if runs else "this command:"
            raise click.UsageError(f"the embedded service ends with {ends} run `sftc serve`.")

    def again(self, job: str) -> str:
        """Return the command line that follows a job on this service."""
        words = ["sftc", "jobs", "follow", job]
        for name, value in (("--backend", self.backend), ("--env-file", self.env_file)):
            words += [name, value] if value else []
        return shlex.join([*words, *(["--allow-insecure"] if self.allow_insecure else [])])


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


def poll_options(command: _Function) -> _Function:
    """Add the options that say how a job is followed to a command, which gets them as arguments."""
    for option in (
        click.option(
            "--poll-timeout",
            type=_POSITIVE,
            help="Seconds to follow it for: 3600, and no end with the embedded service, by default.",
        ),
        click.option(
            "--poll-interval",
            type=_POSITIVE,
            help="Seconds between questions: 5, and 0.5 to the embedded service, by default.",
        ),
    ):
        command = option(command)
    return command


def pace(interval: float | None, timeout: float | None, *, is_embedded: bool) -> "Pace":
    """Return how a job is followed."""
    from sftc.submission.follow import Pace

    usual = Pace(0.5, inf) if is_embedded else Pace()
    return Pace(interval or usual.interval, timeout or usual.timeout)


def job_argument(command: _Function) -> _Function:
    """Add the argument `JOB`, the id of a job, to a command."""
    return click.argument("job", callback=lambda ctx, param, value: job_id(value))(command)


def job_id(text: str) -> str:
    """Return what a person gave as the id of a job; it goes into a URL.

    Raises:
        click.UsageError: it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:~-]*", text):
        raise click.UsageError(f"{text!r} is no id of a job.")
    return text


def key_option(command: _Function) -> _Function:
    """Add the option `--idempotency` to a command."""
    return click.option(
        "--idempotency",
        metavar="KEY",
        callback=_key,
        help="The idempotency key; derived from payload and files by default.",
    )(command)


def _key(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[!-~]{1,200}", value):
        raise click.BadParameter("a key has 1 to 200 characters of ASCII, and no space.", ctx, param)
    return value


class Connection(NamedTuple):
    """A service that can be spoken to, and its journal.

    The embedded one has a `process` if this command started it, and an `address` if it ran already.
    """

    service: "ServiceClient"
    journal: "Journal"
    process: "subprocess.Popen[str] | None"
    address: "Address | None"

    @property
    def is_embedded(self) -> bool:
        """Whether it is the service of this machine."""
        return bool(self.process or self.address)

    @property
    def has_ended(self) -> bool:
        """Whether the service of this machine, if it is that, has ended."""
        if self.process:
            return self.process.poll() is not None
        return bool(self.address) and running() != self.address


@contextmanager
def connected(options: ServiceOptions, training: "TrainingOptions | None" = None) -> Iterator[Connection]:
    """Connect to the service of `options`; the embedded one is started and stopped if it does not run.

    One that is started runs jobs, as `training` says, only where that is given.

    Raises:
        click.UsageError: the service or its key is not named as it should be.
    """
    from sftc.submission.client import ServiceClient
    from sftc.submission.endpoint import LOCAL, SettingsError
    from sftc.submission.journal import Journal

    with ExitStack() as stack:
        backend = options.named()
        process = address = None
        if backend is None:
            folder = data_folder()
            backend, process, address = stack.enter_context(embedded(folder, training))
            already = " that runs already" if address else ""
            say(f"using the embedded service of this machine{already}, in {folder}")
            identity = f"{LOCAL}\n{folder}"
        else:
            identity = backend.identity
        journal = stack.enter_context(Journal(identity))
        try:
            service = stack.enter_context(ServiceClient(backend, say))
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        yield Connection(service, journal, process, address)


def say(text: str) -> None:
    """Tell the person, on stderr, what is being done."""
    from sftc.report.terminal import printable

    click.echo(f"sftc: {printable(text)}", err=True)


@contextmanager
def failures() -> Iterator[None]:
    """Say what failed, and exit with the code that stands for it."""
    from sqlite3 import Error as JournalError

    from sftc.submission import failures
    from sftc.submission.journal import state_folder

    codes: dict[type[failures.SubmissionError], int] = {
        failures.RefusedError: REFUSED,
        failures.JobFailedError: JOB_FAILED,
        failures.JobCancelledError: JOB_CANCELLED,
        failures.ChangedFileError: FINDINGS,
        failures.KeyInUseError: click.UsageError.exit_code,
    }
    try:
        yield
    except failures.SubmissionError as error:
        say(str(error))
        sys.exit(codes.get(type(error), UNREACHABLE))
    except JournalError as error:
        say(f"the journal in {state_folder()} cannot be used: {error}")
        sys.exit(FINDINGS)

"""Shared parts of the commands that call a service: options, connection, and exit codes."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from sftc.cli.embedded_service import data_folder, embedded, running
from sftc.cli.exits import FINDINGS, JOB_CANCELLED, JOB_FAILED, REFUSED, UNREACHABLE
from sftc.cli.options import POSITIVE_NUMBER

if TYPE_CHECKING:
    import subprocess

    from sftc.cli.training_options import TrainingOptions
    from sftc.contract.service_table import ServiceTable
    from sftc.contract.targets import Target
    from sftc.payload.encoding import Payload
    from sftc.service.address import Address
    from sftc.submission.client import ServiceClient
    from sftc.submission.endpoint import Backend
    from sftc.submission.follow import Pace
    from sftc.submission.journal import Journal

_Function = TypeVar("_Function", bound=Callable[..., Any])


class ServiceOptions(NamedTuple):
    """The options that select a service and its API key. Without a target, it is the training service."""

    backend: str | None
    env_file: str | None
    allow_insecure: bool
    target_name: str | None = None

    @property
    def target(self) -> "Target | None":
        """The target whose service it is; `None` for the training service."""
        return _service_target(self.target_name) if self.target_name else None

    @property
    def table(self) -> "ServiceTable":
        """How the service is spoken to."""
        from sftc.submission.endpoint import default_service

        return (self.target and self.target.service) or default_service()

    def named(self) -> "Backend | None":
        """Return the URL and API key of the service, or `None` for the embedded service.

        Raises:
            click.UsageError: the URL or the key is missing or malformed.
        """
        from sftc.submission import endpoint

        url, variables = self.address()
        if self.is_embedded:
            return None
        insecure = self.allow_insecure
        try:
            return endpoint.backend_at(url, variables, allow_insecure=insecure, table=self.table)
        except endpoint.SettingsError as error:
            raise click.UsageError(f"{error}.") from error

    @property
    def is_embedded(self) -> bool:
        """Whether the service is the embedded one.

        Raises:
            click.UsageError: the URL is malformed.
        """
        from sftc.contract.service_table import LOCAL

        return self.address()[0] == LOCAL

    def address(self) -> "tuple[str, Mapping[str, str]]":
        """Return the URL of the service, or `LOCAL`, and the variables that it and its key are from.

        Raises:
            click.UsageError: the URL is malformed.
        """
        from sftc.submission import endpoint

        try:
            variables = endpoint.environment(self.env_file)
            return endpoint.base_url(self.backend, variables, self.table), variables
        except endpoint.SettingsError as error:
            raise click.UsageError(f"{error}.") from error

    def check_secrets(self, payload: "Payload") -> None:
        """Check that the secrets that a job with this payload needs are set.

        Raises:
            click.UsageError: one is not.
        """
        from sftc.submission.endpoint import missing_secrets

        backend = self.named()
        if backend and (missing := missing_secrets(payload, backend)):
            raise click.UsageError(f"the job needs {', '.join(missing)}: set it, or pass --env-file.")

    def stays(self) -> None:
        """Check that the service keeps running after this command exits.

        Raises:
            click.UsageError: the service ends with this command, or its URL or key is wrong.
        """
        if self.named() is None and not ((runs := running()) and runs.stays):
            ends = "the commands that use it: end them and" if runs else "this command:"
            raise click.UsageError(f"the embedded service ends with {ends} run `sftc serve`.")

    def again(self, job: str) -> str:
        """Return the command line that resumes following a job on this service."""
        words = ["sftc", "jobs", "follow", job]
        given = {"--target": self.target_name, "--backend": self.backend, "--env-file": self.env_file}
        for name, value in given.items():
            words += [name, value] if value else []
        return shlex.join([*words, *(["--allow-insecure"] if self.allow_insecure else [])])


def service_options(command: _Function) -> _Function:
    """Add the options of `ServiceOptions` to a command, which receives them as keyword arguments."""
    for option in (
        click.option(
            "--allow-insecure", is_flag=True, help="Allow sending the key over plain HTTP to another machine."
        ),
        click.option("--env-file", metavar="FILE", help="Also read variables from this dotenv file."),
        click.option(
            "--backend",
            metavar="URL",
            help="URL of the service; `local` is the embedded one. [default: $BACKEND_BASE_URL, else local;"
            " with --target, the service of the target]",
        ),
        click.option(
            "target_name",
            "--target",
            callback=_checked_target,
            metavar="NAME",
            help="Train on another service: `together`, `fireworks`, or the folder of your own target.",
        ),
    ):
        command = option(command)
    return command


def _checked_target(ctx: click.Context, param: click.Parameter, name: str | None) -> str | None:
    """Return the name of a target that is not the default one, after a look at it."""
    return name if name and _service_target(name) else None


@cache
def _service_target(name: str) -> "Target | None":
    """Return the target of that name, or in that folder; `None` if it is the default one.

    Raises:
        click.UsageError: there is no such target, or it has no service.
        ConfigError: the files of the target have errors.
    """
    from sftc.cli.target_names import find_target
    from sftc.contract.versions import PACKAGED

    target = find_target(name)
    if target.service is None:
        services = ", ".join(each for each in PACKAGED.target_names if PACKAGED.target(each).service)
        raise click.UsageError(
            f"the target {target.name} is not a service: `sftc compile --target {name}` writes its config."
            f" Services are {services}."
        )
    return None if target.is_default else target


def poll_options(command: _Function) -> _Function:
    """Add `--poll-interval` and `--poll-timeout` to a command, which receives them as arguments."""
    for option in (
        click.option(
            "--poll-timeout",
            type=POSITIVE_NUMBER,
            metavar="SECONDS",
            help="Stop following after this many seconds. [default: 3600; embedded service: never]",
        ),
        click.option(
            "--poll-interval",
            type=POSITIVE_NUMBER,
            metavar="SECONDS",
            help="Polling interval in seconds. [default: 5; embedded service: 0.5]",
        ),
    ):
        command = option(command)
    return command


def pace(interval: float | None, timeout: float | None, *, is_embedded: bool, is_new: bool = False) -> "Pace":
    """Return how to poll a job, with defaults for the interval and the timeout (in seconds) if not given.

    A job `is_new` if this command created it, so that the service may not know it everywhere yet.
    """
    from sftc.submission.follow import APPEARING, Pace

    usual = Pace(0.5, inf) if is_embedded else Pace()
    appearing = APPEARING if is_new else usual.appearing
    return Pace(interval or usual.interval, timeout or usual.timeout, appearing=appearing)


def job_argument(command: _Function) -> _Function:
    """Add the argument `JOB`, a job id, to a command."""
    return click.argument("job", callback=lambda ctx, param, value: job_id(value))(command)


def job_id(text: str, otherwise: str = "") -> str:
    """Return `text` if it is a valid job id, which is safe to put into a URL.

    `otherwise` is what else it is not, for the message.

    Raises:
        click.UsageError: it is not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:~-]*", text):
        raise click.UsageError(f"{text!r} is not the id of a job{otherwise}.")
    return text


def key_option(command: _Function) -> _Function:
    """Add the option `--idempotency` to a command."""
    return click.option(
        "--idempotency",
        metavar="KEY",
        callback=_key,
        help="Idempotency key. [default: derived from payload and files]",
    )(command)


def _key(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[!-~]{1,200}", value):
        raise click.BadParameter("a key is 1 to 200 ASCII characters without spaces.", ctx, param)
    return value


class Connection(NamedTuple):
    """A connected service and its journal.

    For the embedded service, `process` is set if this command started it, and `address` is set if
    it was already running.
    """

    service: "ServiceClient"
    journal: "Journal"
    process: "subprocess.Popen[str] | None"
    address: "Address | None"

    @property
    def is_embedded(self) -> bool:
        """Whether this is the embedded service."""
        return bool(self.process or self.address)

    @property
    def has_ended(self) -> bool:
        """Whether this is the embedded service and it has stopped."""
        if self.process:
            return self.process.poll() is not None
        return bool(self.address) and running() != self.address


@contextmanager
def connected(options: ServiceOptions, training: "TrainingOptions | None" = None) -> Iterator[Connection]:
    """Connect to a service. Start the embedded service if necessary, and stop it at the end.

    Args:
        options: selects the service.
        training: how an embedded service started here trains. Without it, that service runs no jobs.

    Raises:
        click.UsageError: the URL or the key of the service is missing or malformed.
    """
    from sftc.contract.service_table import LOCAL
    from sftc.submission.client import ServiceClient
    from sftc.submission.endpoint import SettingsError
    from sftc.submission.journal import Journal

    with ExitStack() as stack:
        backend = options.named()
        process = address = None
        if backend is None:
            folder = data_folder()
            backend, process, address = stack.enter_context(embedded(folder, training))
            already = " that is already running" if address else ""
            say(f"using the embedded service{already}, in {folder}")
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
    """Print a progress message to stderr."""
    from sftc.report.terminal import printable

    click.echo(f"sftc: {printable(text)}", err=True)


@contextmanager
def failures() -> Iterator[None]:
    """Print a submission error and exit with its exit code."""
    from sqlite3 import Error as JournalError

    from sftc.submission import failures
    from sftc.submission.journal import state_folder

    codes: dict[type[failures.SubmissionError], int] = {
        failures.RefusedError: REFUSED,
        failures.PriceError: REFUSED,
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

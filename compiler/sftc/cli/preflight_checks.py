"""The checks of `sftc train` and `sftc submit` whether a service takes a job, before the upload."""

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from sftc.cli.connection import say
from sftc.cli.exits import FINDINGS
from sftc.text.keys import dotted

if TYPE_CHECKING:
    from sftc.contract.service_table import ServiceTable
    from sftc.payload.encoding import Payload
    from sftc.submission.client import ServiceClient
    from sftc.submission.preflight import Excess
    from sftc.submission.upload import DataFile

_Function = TypeVar("_Function", bound=Callable[..., Any])


def preflight_option(command: _Function) -> _Function:
    """Add the option `--preflight/--no-preflight` to a command."""
    return click.option(
        "--preflight/--no-preflight",
        default=True,
        help="Stop before the upload if the service is certain to refuse the job, or to ignore keys of it.",
    )(command)


def check_refusals(payload: "Payload") -> None:
    """Exit if any service is certain to refuse the payload."""
    from sftc.submission.preflight import certain_refusals

    refusals = certain_refusals(payload)
    for code, path in refusals:
        say(f"`{dotted(path)}` is missing: the service refuses the job with HTTP 400 `{code}`")
    if refusals:
        stop()


def check_version(payload: "Payload", service: "ServiceClient") -> None:
    """Exit if the service does not list the version of the payload."""
    from sftc.submission.preflight import named_version, newer_keys, payload_versions

    version = named_version(payload)
    if version is not None and version not in payload_versions(service):
        ignored = ", ".join(f"`{dotted(path)}`" for path in newer_keys(payload))
        say(f"warning: the service does not list version {version} of the payload, and will ignore {ignored}")
        stop()


def check_sizes(files: Iterable["DataFile | None"], table: "ServiceTable") -> None:
    """Exit if the service does not take files of their size."""
    from sftc.submission.preflight import file_faults

    faults = [fault for file in files if file for fault in file_faults(file, table.file)]
    for fault in faults:
        say(fault)
    if faults:
        stop()


def check_limits(
    payload: "Payload", service: "ServiceClient", show: "Callable[[Iterable[Excess]], None]"
) -> None:
    """Exit if a value of the payload is outside the limits of its model, which the service says.

    Args:
        payload: the payload.
        service: the service.
        show: prints what is outside.
    """
    from sftc.submission.failures import RefusedError
    from sftc.submission.preflight import excesses

    try:
        found = excesses(payload, service)
    except RefusedError as error:
        if error.status in {401, 403}:
            raise
        say(f"the service has no limits for this model: {error.detail}")
        stop()
    if found:
        show(found)
        stop()


def stop() -> NoReturn:
    """Exit before the upload, and name the option that sends the payload anyway."""
    say("nothing was sent (--no-preflight sends it)")
    sys.exit(FINDINGS)

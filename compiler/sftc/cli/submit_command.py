"""`sftc submit`: submit a compiled payload and its data files."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click
import orjson

from sftc.cli.connection import ServiceOptions, connected, failures, key_option, say, service_options
from sftc.cli.data_files import DataOptions, prepare_files
from sftc.cli.output import write_stdout
from sftc.cli.preflight_checks import (
    check_limits,
    check_refusals,
    check_version,
    preflight_option,
)
from sftc.text.keys import dotted

if TYPE_CHECKING:
    from sftc.contract.targets import Target
    from sftc.submission.preflight import Excess


@click.command("submit", short_help="Submit a compiled payload.")
@click.argument("payload", metavar="PAYLOAD")
@click.option("--dataset", required=True, metavar="FILE", help="Training file.")
@click.option("--validation", metavar="FILE", help="Validation file.")
@key_option
@preflight_option
@service_options
def submit_command(
    payload: str,
    dataset: str,
    validation: str | None,
    idempotency: str | None,
    *,
    preflight: bool,
    **service: Any,
) -> None:
    """Check and upload the files, create the job, start it, and print its id.

    PAYLOAD is a file that `sftc compile` wrote, or `-` for stdin. The same command run again
    attaches to the same job.
    """
    options = ServiceOptions(**service)
    options.stays()
    values = _payload(payload, options.target)
    _check_validation(values, validation, options)
    options.check_secrets(values)
    if preflight and options.target is None:
        check_refusals(values)
    with ExitStack() as stack:
        wanted = DataOptions(service=options if preflight else None)
        data = prepare_files([dataset], validation, stack, wanted)
        from sftc.submission.submit import Order, Submission

        order = Order(values, data.training, data.validation, idempotency, not preflight)
        stack.enter_context(failures())
        connection = stack.enter_context(connected(options))
        if preflight:
            check_version(values, connection.service)
            check_limits(values, connection.service, _show_excesses)
        from sftc.cli.watch import bar

        job = Submission(connection.service, connection.journal, say, bar("upload")).submit(order)
    write_stdout(f"{job}\n")


def _check_validation(payload: dict[str, Any], validation: str | None, options: ServiceOptions) -> None:
    """Check that there is a validation file if and only if the payload has a place for one.

    Raises:
        click.UsageError: it is not so.
    """
    from sftc.submission.submit import needs_validation

    is_needed = needs_validation(payload, options.table)
    if is_needed and validation is None:
        raise click.UsageError("the payload evaluates on a validation file: pass it with --validation.")
    if is_needed is False and validation is not None:
        raise click.UsageError("the payload does not evaluate, and has no place for a validation file.")


def _show_excesses(found: "Iterable[Excess]") -> None:
    for each in found:
        say(f"`{dotted(each.at)}` of the payload: {each.message}")


def _payload(path: str, target: "Target | None") -> dict[str, Any]:
    """Return the payload in the file at `path`.

    Raises:
        click.ClickException: the file is not JSON, or not a compiled payload.
    """
    from sftc.contract.dialect import payload_faults
    from sftc.contract.versions import PACKAGED
    from sftc.document.reading import read_source

    text = read_source(path).text
    try:
        values = orjson.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{path} is not JSON: {error}") from error
    try:
        faults = payload_faults(target or PACKAGED.of_payload(values).target, values)
    except ValueError as error:
        faults = [str(error)]
    if faults:
        raise click.ClickException(f"{path} is not a compiled payload: {'; '.join(faults)[:1000]}")
    result: dict[str, Any] = values
    return result

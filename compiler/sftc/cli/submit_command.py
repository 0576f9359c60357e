"""`sftc submit`: submit a compiled payload and its data files."""

from contextlib import ExitStack
from typing import Any

import click
import orjson

from sftc.cli.connection import ServiceOptions, connected, failures, key_option, say, service_options
from sftc.cli.data_files import prepare_files
from sftc.cli.output import write_stdout
from sftc.cli.preflight_checks import check_refusals, check_version, preflight_option


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
    values = _payload(payload)
    if preflight:
        check_refusals(values)
    with ExitStack() as stack:
        data = prepare_files([dataset], validation, stack)
        from sftc.submission.submit import Order, Submission

        order = Order(values, data.training, data.validation, idempotency)
        stack.enter_context(failures())
        connection = stack.enter_context(connected(options))
        if preflight:
            check_version(values, connection.service)
        from sftc.cli.watch import bar

        job = Submission(connection.service, connection.journal, say, bar("upload")).submit(order)
    write_stdout(f"{job}\n")


def _payload(path: str) -> dict[str, Any]:
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
        faults = payload_faults(PACKAGED.of_payload(values), values)
    except ValueError as error:
        faults = [str(error)]
    if faults:
        raise click.ClickException(f"{path} is not a compiled payload: {'; '.join(faults)[:1000]}")
    result: dict[str, Any] = values
    return result

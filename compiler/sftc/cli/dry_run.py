"""The plan that `sftc train --dry-run` prints in addition to the payload."""

from typing import TYPE_CHECKING

from sftc.contract.versions import SELECTOR
from sftc.report.tables import columns
from sftc.text.plural import counted

if TYPE_CHECKING:
    from sftc.submission.submit import Order


def dry_run_report(order: "Order", backend: str | None, env_file: str | None) -> str:
    """Return the files and requests of `order` as text.

    Raises:
        click.UsageError: the URL of the service is invalid.
    """
    import click

    from sftc.submission import endpoint
    from sftc.submission.preflight import DOCUMENT

    try:
        url = endpoint.base_url(backend, endpoint.environment(env_file))
    except endpoint.SettingsError as error:
        raise click.UsageError(f"{error}.") from error
    files = [("training", order.training), *([("validation", order.validation)] if order.validation else [])]
    rows = [
        (name, str(file), counted(file.rows, "row"), counted(file.length, "byte"), file.digest)
        for name, file in files
    ]
    where = "(the embedded service) /api" if url == endpoint.LOCAL else url
    uploads = [("POST", f"{where}/learning/files", name) for name, _ in files]
    named = SELECTOR in order.payload["metadata"]
    requests = [
        *[("GET", f"{where}/{DOCUMENT}", "versions of the payload")] * named,
        *uploads,
        ("GET", f"{where}/learning/files/ID", "until ready"),
        ("POST", f"{where}/learning/jobs", f"Idempotency-Key: {next(order.names())}"),
        ("POST", f"{where}/learning/jobs/ID/start", ""),
        ("GET", f"{where}/learning/jobs/ID", "until it ends"),
    ]
    return f"\nFiles\n{columns(rows)}\nRequests\n{columns(requests)}\nNothing was sent.\n"

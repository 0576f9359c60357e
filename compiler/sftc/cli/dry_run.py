"""The plan of `sftc train --dry-run`: the files and requests of an order, as text and as JSON.

The JSON is version 1; `dry-run.schema.json` describes it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from sftc.contract.service_table import LOCAL, SLOT, ServiceCall
from sftc.report.json import to_json
from sftc.report.tables import columns
from sftc.text.keys import look_up
from sftc.text.plural import counted
from sftc.text.source import escaped

if TYPE_CHECKING:
    from sftc.cli.connection import ServiceOptions
    from sftc.pipeline import Compiled
    from sftc.submission.submit import Order
    from sftc.submission.upload import DataFile

_UNKNOWN = {"file": "ID", "job": "ID", "url": "(the address that the service names)"}
"""What is shown for the values that only answers have."""


class PlannedRequest(NamedTuple):
    """A request that would be sent, and what it is for, if its address does not say it."""

    method: str
    url: str
    note: str


class DryRun(NamedTuple):
    """The files of an order, by what they are for, and its requests in their order."""

    files: "dict[str, DataFile]"
    requests: list[PlannedRequest]


def dry_run_text(plan: DryRun) -> str:
    """Return the files and requests as tables."""
    rows = [
        (kind, str(file), counted(file.rows, "row"), counted(file.length, "byte"), file.digest)
        for kind, file in plan.files.items()
    ]
    return f"\nFiles\n{columns(rows)}\nRequests\n{columns(plan.requests)}\nNothing was sent.\n"


def dry_run_json(plan: DryRun, compiled: "Compiled") -> str:
    """Return the payload with its digest, the files and the requests as JSON."""
    files = [
        {
            "kind": kind,
            "path": escaped(str(file)),
            "rows": file.rows,
            "bytes": file.length,
            "digest": file.digest,
        }
        for kind, file in plan.files.items()
    ]
    requests = [{**each._asdict(), "note": each.note or None} for each in plan.requests]
    return to_json(
        {
            "version": 1,
            "target": compiled.target.name,
            "payload": compiled.payload,
            "payload_digest": compiled.digest,
            "files": files,
            "requests": requests,
        }
    )


def dry_run(order: "Order", options: "ServiceOptions") -> DryRun:
    """Return the files and requests of `order`.

    Raises:
        click.UsageError: the URL of the service is invalid.
    """
    from sftc.submission.preflight import DOCUMENT, named_version
    from sftc.submission.submit import job_values
    from sftc.submission.upload import file_values

    table = options.table
    url, variables = options.address()
    files = {
        "training": order.training,
        **({"validation": order.validation} if order.validation else {}),
    }
    root = "(the embedded service) /api" if url == LOCAL else url
    known = {slot: variables.get(name) or slot.upper() for slot, name in table.endpoint.parts.items()}
    base = "/".join(filter(None, (root, _shown(table.endpoint.base, known))))

    def line(call: ServiceCall, values: Mapping[str, str], note: str = "") -> PlannedRequest:
        shown = {**known, **values}
        query = "&".join(f"{name}={_shown(text, shown)}" for name, text in call.query.items())
        path = _shown(call.path, shown)
        where = path if call.is_storage else f"{base}/{path}{'?' * bool(query)}{query}"
        headers = [f"{name}: {_shown(text, shown)}" for name, text in call.headers.items()]
        return PlannedRequest(call.method, where, note or "; ".join(headers))

    def uploads(name: str, file: "DataFile") -> list[PlannedRequest]:
        values = file_values(file, table.file)
        return [line(each, values, name if each.sends_file else "") for each in table.file.upload]

    job = job_values(next(order.names()), table.job)
    described = table.job.describe if order.provenance else None
    named = named_version(order.payload) is not None
    sent = [request for name, file in files.items() for request in uploads(name, file)]
    places = table.limits.values if table.limits else {}
    asked = {slot: str(look_up(order.payload, at)) for slot, at in places.items()}
    requests = [
        *[PlannedRequest("GET", f"{root}/{DOCUMENT}", "versions of the payload")] * named,
        *[line(each.call, asked, "limits of the model") for each in (table.limits,) if each],
        *sent,
        line(table.file.read, {}, "until ready"),
        *[line(each.call, {}, "price") for each in (table.price,) if each],
        line(table.job.create, job),
        *[line(each, job, "the config") for each in (described,) if each],
        *[line(each, job) for each in (table.job.start,) if each],
        line(table.job.read, job, "until it ends"),
    ]
    return DryRun(files, requests)


def _shown(template: str, values: Mapping[str, str]) -> str:
    return SLOT.sub(lambda found: values.get(found[1]) or _UNKNOWN.get(found[1], found[0]), template)

"""The plan of an order: the files and requests that a submission would send."""

from collections.abc import Mapping
from typing import NamedTuple

from sftc.contract.service_table import LOCAL, SLOT, ServiceCall, ServiceTable
from sftc.submission.preflight import DOCUMENT, named_version
from sftc.submission.submit import Order, job_values
from sftc.submission.upload import DataFile, file_values
from sftc.text.keys import look_up

_UNKNOWN = {"file": "ID", "job": "ID", "url": "(the address that the service names)"}
"""What is shown for the values that only answers have."""


class PlannedRequest(NamedTuple):
    """A request that would be sent, and what it is for, if its address does not say it."""

    method: str
    url: str
    note: str


class DryRun(NamedTuple):
    """The files of an order, by what they are for, and its requests in their order."""

    files: dict[str, DataFile]
    requests: list[PlannedRequest]


def dry_run(order: Order, table: ServiceTable, url: str, variables: Mapping[str, str]) -> DryRun:
    """Return the files and requests of `order`, without sending any.

    Args:
        order: what would be sent.
        table: how the service is spoken to.
        url: the address of the service, or `LOCAL` for the embedded one.
        variables: the parts of the addresses that the environment sets, by name.
    """
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

    def uploads(name: str, file: DataFile) -> list[PlannedRequest]:
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

"""What is certain before anything is uploaded: what a service ignores of a payload, or refuses."""

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from sftc.contract.service_table import FileFacts, LimitRow, Pointer
from sftc.contract.versions import PACKAGED, SELECTOR, CertainRefusal
from sftc.payload.encoding import Payload
from sftc.submission.client import ServiceClient
from sftc.submission.failures import RefusedError
from sftc.submission.upload import DataFile
from sftc.text.keys import ABSENT, Path, look_up
from sftc.text.plural import counted

DOCUMENT: Final = "openapi.json"
"""The OpenAPI document of a service, below its URL."""

_KEY: Final = "x-sftc-payload"


def payload_versions(service: ServiceClient) -> Collection[int]:
    """Return the versions of the payload that a service lists in its OpenAPI document.

    A service without that document, or whose document does not list them, is of version 1.

    Raises:
        UnreachableError: the service sent no valid response.
    """
    try:
        listed = service.get(f"{service.url}/{DOCUMENT}").get(_KEY)
    except RefusedError:
        listed = None
    versions = listed.get("versions") if isinstance(listed, dict) else None
    return [each for each in versions if type(each) is int] if isinstance(versions, list) else [1]


def named_version(payload: Payload) -> int | None:
    """Return the version that `payload` names, or `None` if it names none, which every service takes."""
    version = look_up(payload, ("metadata", SELECTOR))
    return None if version is ABSENT else version


def newer_keys(payload: Payload) -> list[Path]:
    """Return the keys because of which `payload` names its version. An older service ignores them."""
    mapping = PACKAGED.of_payload(payload).mapping
    conditions = [each for row in mapping.rows for each in row.when]
    return [
        each.path
        for each in conditions
        if (found := look_up(payload, mapping.pointers(each.path)[0])) is not ABSENT
        and each.value in (ABSENT, found)
    ]


def certain_refusals(payload: Payload) -> list[CertainRefusal]:
    """Return the refusals of `payload` that are certain, because it lacks a key."""
    contract = PACKAGED.of_payload(payload)
    return [
        each
        for each in contract.refusals
        if look_up(payload, contract.mapping.pointers(each.path)[0]) is ABSENT
    ]


def file_faults(file: DataFile, facts: FileFacts) -> Iterator[str]:
    """Yield why a service does not take a file of this size."""
    rows = counted(file.rows, "row")
    if facts.fewest_rows is not None and file.rows < facts.fewest_rows:
        yield f"{file} has {rows}, and the service needs at least {facts.fewest_rows:,}"
    if facts.most_rows is not None and file.rows > facts.most_rows:
        yield f"{file} has {rows}, and the service takes at most {facts.most_rows:,}"
    if facts.most_bytes is not None and file.length > facts.most_bytes:
        yield f"{file} has {file.length:,} bytes, and the service takes at most {facts.most_bytes:,}"


class Excess(NamedTuple):
    """A value of a payload that is outside the limits of a model: where it is, what is wrong, what to do."""

    at: Pointer
    message: str
    help: str


def excesses(payload: Payload, service: ServiceClient) -> list[Excess]:
    """Return the values of `payload` that are outside the limits of its model, as the service says them.

    Raises:
        RefusedError: the service does not know the model.
        UnreachableError: the service sent no valid response.
    """
    facts = service.table.limits
    if not facts:
        return []
    values = {slot: str(look_up(payload, place)) for slot, place in facts.values.items()}
    limits = service.call(facts.call, values).body
    return [Excess(row.at, *found) for row in facts.rows for found in _beyond(payload, row, limits)]


def _beyond(payload: Payload, row: LimitRow, limits: Any) -> Iterator[tuple[str, str]]:
    value = look_up(payload, row.at)
    if value is ABSENT or (row.wanted and look_up(payload, row.wanted[0]) != row.wanted[1]):
        return
    least, most, among = (
        look_up(limits, place) if place else None for place in (row.least, row.most, row.among)
    )
    if _is_number(value) and _is_number(least) and value < least:
        yield f"{value:.12g} is below the minimum of {least:.12g}", f"set it to {least:.12g} or more"
    if _is_number(value) and _is_number(most) and value > most:
        yield f"{value:.12g} is above the maximum of {most:.12g}", f"set it to {most:.12g} or less"
    if isinstance(value, str) and isinstance(among, list):
        known = {str(each) for each in among} | row.besides
        unknown = [each for each in value.split(row.separator) if each not in known]
        if unknown:
            yield f"{', '.join(unknown)} is not among {', '.join(map(str, among))}", "choose from these"
    if row.needs and look_up(limits, row.needs) is False:
        yield f"{value} is not possible with this model", "choose another value or another model"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

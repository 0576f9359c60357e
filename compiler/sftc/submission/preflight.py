"""What is certain before anything is uploaded: what a service ignores of a payload, or refuses."""

from collections.abc import Collection
from typing import Final

from sftc.contract.versions import PACKAGED, SELECTOR, CertainRefusal
from sftc.payload.encoding import Payload
from sftc.submission.client import ServiceClient
from sftc.submission.failures import RefusedError
from sftc.text.keys import ABSENT, Path, look_up

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

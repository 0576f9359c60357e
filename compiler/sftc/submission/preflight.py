"""What a service says about itself before anything is uploaded."""

from collections.abc import Collection
from typing import Final

from sftc.submission.client import ServiceClient
from sftc.submission.failures import RefusedError

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

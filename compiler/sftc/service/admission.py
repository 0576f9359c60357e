"""Validate job requests, and reject invalid ones with an error code."""

import json
import re
from functools import cache
from typing import Any, Final

from jsonschema import Draft7Validator

from sftc.contract.dialect import payload_faults
from sftc.contract.versions import PACKAGED
from sftc.payload.encoding import digest
from sftc.service.responses import RequestRefusedError
from sftc.service.store import Store
from sftc.text.keys import ABSENT, look_up, pointer

_DEEPEST: Final = 80
"""Maximum nesting depth of a payload. A config has at most 64 levels, and the payload adds some."""

_KEY = re.compile(r"[!-~]{1,255}")


def idempotency_key(given: str | None) -> str | None:
    """Return the idempotency key of a request, or `None` if it has none.

    Raises:
        RequestRefusedError: the key is not valid.
    """
    if given is not None and not _KEY.fullmatch(given):
        raise RequestRefusedError(
            400, "invalid_key", "`Idempotency-Key` must be 1 to 255 printable ASCII characters without spaces"
        )
    return given


def admit_payload(payload: Any) -> str:
    """Validate the payload of a job, except for its files, and return its digest.

    Raises:
        RequestRefusedError: the payload is not valid.
    """
    if _is_deeper(payload, _DEEPEST):
        raise RequestRefusedError(
            400, "invalid_payload", f"the payload is nested more than {_DEEPEST} levels deep"
        )
    try:
        found = digest(payload)
    except ValueError as error:
        raise RequestRefusedError(
            400, "invalid_payload", "the payload has numbers or text that RFC 8785 cannot represent"
        ) from error
    try:
        contract = PACKAGED.of_payload(payload)
    except ValueError as error:
        raise RequestRefusedError(400, "unknown_version", str(error)) from error
    target = contract.target
    if not target.accepts_payload(payload) and (faults := payload_faults(target, payload)):
        raise RequestRefusedError(400, "invalid_payload", "; ".join(faults)[:2000])
    for code, path in contract.refusals:
        at, *_ = contract.mapping.pointers(path)
        if look_up(payload, at) is ABSENT:
            raise RequestRefusedError(400, code, f"{'.'.join(at)} is missing")
    return found


def admit_provenance(content: Any) -> None:
    """Validate what a request says of where a job comes from.

    Raises:
        RequestRefusedError: it is not valid.
    """
    if fault := next(_provenance().iter_errors(content), None):
        where = pointer(tuple(map(str, fault.absolute_path))) or "/"
        raise RequestRefusedError(400, "invalid_provenance", f"{where[:200]} is not as the schema wants it")


@cache
def _provenance() -> Draft7Validator:
    schemas = json.loads(PACKAGED.read("wire/openapi.json"))["components"]["schemas"]
    return Draft7Validator(schemas["provenance"])


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def admit_files(payload: dict[str, Any], store: Store) -> None:
    """Check that all files of a job exist and are ready.

    Raises:
        RequestRefusedError: a file does not exist or is not ready.
    """
    _file(store, payload["training_file_id"], "training_file")
    for id in payload["metadata"]["effective_config"]["data"].get("validation_files", []):
        _file(store, id, "validation_file")


def _file(store: Store, id: str | None, what: str) -> None:
    file = store.file(id) if id else None
    if not file:
        raise RequestRefusedError(400, f"unknown_{what}", f"no file has the id {(id or '')[:100]!r}")
    if file["status"] != "ready":
        raise RequestRefusedError(
            400, f"{what}_not_ready", f"{id} is {file['status']}: {file['error'] or 'wait until it is ready'}"
        )

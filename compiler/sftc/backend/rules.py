"""What the service refuses of a job, by code."""

import re
from typing import Any

from sftc.authority import payload_faults
from sftc.backend.answers import Refusal
from sftc.backend.store import Store
from sftc.contract import PACKAGED
from sftc.payload import digest

_CONTRACT = PACKAGED.version(PACKAGED.versions[-1])


_KEY = re.compile(r"[!-~]{1,255}")


def idempotency_key(given: str | None) -> str | None:
    """Return the idempotency key of a request, if it has one.

    Raises:
        Refusal: it is no such key.
    """
    if given is not None and not _KEY.fullmatch(given):
        raise Refusal(400, "invalid_key", "an Idempotency-Key has 1 to 255 characters of ASCII, no space")
    return given


def check(payload: Any, store: Store) -> str:
    """Check the body of a job, of which all files must be there, and return its digest.

    Raises:
        Refusal: it is not a job that can run.
    """
    if not _CONTRACT.accepts_payload(payload) and (faults := payload_faults(_CONTRACT, payload)):
        raise Refusal(400, "invalid_payload", "; ".join(faults)[:2000])
    config = payload["metadata"]["effective_config"]
    if "gpu_type" not in config["compute"]:
        raise Refusal(400, "missing_gpu_type", "metadata.effective_config.compute.gpu_type is missing")
    _file(store, payload["training_file_id"], "training_file")
    for id in config["data"].get("validation_files", []):
        _file(store, id, "validation_file")
    try:
        return digest(payload)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, "invalid_payload", "it has numbers or text that RFC 8785 has no form for"
        ) from error


def _file(store: Store, id: str | None, what: str) -> None:
    file = store.file(id) if id else None
    if not file:
        raise Refusal(400, f"unknown_{what}", f"there is no file {id}")
    if file["status"] != "ready":
        raise Refusal(400, f"{what}_not_ready", f"{id} is {file['status']}: {file['error'] or 'wait for it'}")

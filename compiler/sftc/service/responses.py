"""What the service answers: bodies of files and jobs, and errors of one shape."""

import logging
import sqlite3
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from sftc.service.store import Record

_NO_SPACE: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}

_log = logging.getLogger(__name__)


class RequestRefusedError(Exception):
    """A request is refused with an HTTP status, a code for programs and a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


async def refused(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request that is refused."""
    assert isinstance(error, RequestRefusedError)  # noqa: S101  Starlette hands over what was raised
    # Bytes that a slow client still sends are not a request: close the connection.
    headers = {"Connection": "close"} if error.status == 408 else None
    return failure(request, error.status, error.code, str(error), headers)


async def http(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request that no route takes."""
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    codes = {404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "refused")
    return failure(request, error.status_code, code, error.detail, error.headers)


async def database(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request on which the database fails."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_SPACE:
        return failure(request, 507, "no_space", f"nothing can be kept: {error}")
    return await fault(request, error)


async def fault(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request that the service fails on, and log why."""
    _log.error("%s: a fault of the service", request.state.id, exc_info=error)
    return failure(request, 500, "fault", "a bug in the service; see its log")


def failure(
    request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error, in the one shape that all have."""
    body = {"error": {"code": code, "message": message, "request_id": request.state.id}}
    return JSONResponse(body, status, headers)


def file(row: Record) -> Record:
    """Return the body of a file."""
    return {
        "id": row["id"],
        "object": "file",
        "filename": row["filename"],
        "purpose": row["purpose"],
        "bytes": row["bytes"],
        "sha256": row["digest"],
        "rows": row["rows"],
        "status": "failed" if row["status"] == "stopped" else row["status"],
        "error": row["error"],
        "created_at": row["created_at"],
    }


def job(row: Record) -> Record:
    """Return the body of a job."""
    return {
        "job_id": row["id"],
        "id": row["id"],
        "object": "job",
        "type": row["payload"]["training_type"],
        "model": row["payload"]["model"],
        "status": row["status"],
        "payload_digest": row["payload_digest"],
        "idempotency_key": row["idempotency_key"],
        "fine_tuned_model": row["fine_tuned_model"],
        "error": row["error"],
        "created_at": row["created_at"],
        "finished_at": row["finished_at"],
    }

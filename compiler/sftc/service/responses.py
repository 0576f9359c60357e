"""Responses of the service: files, jobs and errors."""

import logging
import sqlite3
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from sftc.service.store import Record

_NO_SPACE: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}

_log = logging.getLogger(__name__)


class RequestRefusedError(Exception):
    """A request is rejected with an HTTP status, a machine-readable code and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


async def refused(request: Request, error: Exception) -> JSONResponse:
    """Return the response to a rejected request."""
    assert isinstance(error, RequestRefusedError)  # noqa: S101  registered for this type only
    # After a timeout, late bytes would be parsed as a new request, so close the connection.
    headers = {"Connection": "close"} if error.status == 408 else None
    return failure(request, error.status, error.code, str(error), headers)


async def http(request: Request, error: Exception) -> JSONResponse:
    """Return the response to a request that matches no route."""
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    codes = {404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "refused")
    return failure(request, error.status_code, code, error.detail, error.headers)


async def database(request: Request, error: Exception) -> JSONResponse:
    """Return the response to a request that failed with a database error."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_SPACE:
        return failure(request, 507, "no_space", f"the service cannot write to its disk: {error}")
    return await fault(request, error)


async def fault(request: Request, error: Exception) -> JSONResponse:
    """Return the response to a request that failed with an internal error, and log the error."""
    _log.error("%s: internal error", request.state.id, exc_info=error)
    return failure(request, 500, "fault", "a bug in the service; see its log")


async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to a request for which there are too many connections (ASGI)."""
    error = {"code": "busy", "message": "there are too many connections"}
    answer = JSONResponse({"error": error}, 503, {"Retry-After": "1", "Connection": "close"})
    await answer(scope, receive, send)


def failure(
    request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error response. All errors have the same JSON shape."""
    body = {"error": {"code": code, "message": message, "request_id": request.state.id}}
    return JSONResponse(body, status, headers)


def file(row: Record) -> Record:
    """Return a file as JSON."""
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
    """Return a job as JSON."""
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

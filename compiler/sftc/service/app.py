"""The ASGI application of the service: a route for each operation of the wire contract, and the pages."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sftc.contract.versions import PACKAGED
from sftc.service import admission, responses
from sftc.service.address import Address, publish
from sftc.service.background import Checks, Runner
from sftc.service.data_folder import Folder
from sftc.service.executor import Executor, Missing
from sftc.service.guard import Guard
from sftc.service.limits import DEFAULT_LIMITS, ServiceLimits
from sftc.service.pages.routes import Pages
from sftc.service.pages.session import Session
from sftc.service.request_origin import LOOPBACK
from sftc.service.responses import RequestRefusedError
from sftc.service.store import Store
from sftc.service.uploads import pieces, receive

_PAGE = 1000
_LAST = 2**63 - 1
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


class EmbeddedService:
    """The training service of one data folder.

    Args:
        root: the data folder.
        token: the bearer token that requests must have.
        executor: runs the jobs. If it is `None`, jobs stay queued.
        limits: limits on requests, and retry intervals.

    Raises:
        InUseError: another service uses the data folder.
    """

    def __init__(
        self, root: Path, token: str, executor: Executor | None, limits: ServiceLimits = DEFAULT_LIMITS
    ) -> None:
        self._folder = Folder(root)
        self._store = Store(self._folder.database)
        self._token = token
        self._session = Session(token)
        self.limits = limits
        self._checks = Checks(self._store, self._folder, limits.retry)
        self._runner = Runner(self._store, self._folder, limits.retry, executor or Missing())
        self._work = [self._checks, self._runner] if executor else [self._checks]
        self._pages = Pages(self._store, self._runner, self._session, limits)

    def publish(self, address: Address) -> None:
        """Write the address file, so that other commands of this user find the service until it ends."""
        publish(self._folder.root, address)

    def app(self, names: Collection[str] = LOOPBACK) -> Starlette:
        """Return the ASGI application of a service with these host names; see `request_origin`."""
        routes = [
            Route("/api/openapi.json", self.openapi),
            Route("/api/learning/files", self.files, methods=["GET", "POST"]),
            Route("/api/learning/files/{id}", self.file),
            Route("/api/learning/jobs", self.jobs, methods=["GET", "POST"]),
            Route("/api/learning/jobs/{id}", self.job),
            Route("/api/learning/jobs/{id}/provenance", self.provenance, methods=["GET", "PUT"]),
            Route("/api/learning/jobs/{id}/start", self.start, methods=["POST"]),
            Route("/api/learning/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/learning/jobs/{id}/events", self.events),
            Route("/api/learning/jobs/{id}/metrics", self.metrics),
            Route("/api/learning/jobs/{id}/timeline", self.timeline),
            *self._pages.routes(),
        ]
        handlers: dict[Any, Any] = {
            RequestRefusedError: responses.refused,
            HTTPException: responses.http,
            sqlite3.OperationalError: responses.database,
        }
        # Starlette calls a handler for `Exception` outside all middleware, where there is no request id.
        faults = Middleware(ExceptionMiddleware, handlers={Exception: responses.fault})
        guard = Middleware(Guard, token=self._token, session=self._session, names=names)
        app = Starlette(
            routes=routes,
            middleware=[guard, faults],
            exception_handlers=handlers,
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False  # a redirect would trust the `Host` header
        return app

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        work = [asyncio.create_task(each.run()) for each in self._work]
        yield
        for task in work:
            task.cancel()
        for task in work:
            with suppress(asyncio.CancelledError):
                await task
        self._store.close()
        self._folder.close()

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document."""
        return Response(PACKAGED.read("wire/openapi.json"), media_type="application/json")

    async def files(self, request: Request) -> Response:
        """Store an uploaded file and return it (POST), or list files, newest first."""
        if request.method == "POST":
            return await self._upload(request)
        limit = _number(request, "limit", 100, least=1, most=_PAGE)
        rows = self._store.files(request.query_params.get("sha256"), limit)
        return JSONResponse({"files": [*map(responses.file, rows)]})

    async def _upload(self, request: Request) -> Response:
        try:
            upload = await receive(request, self._folder.incoming, self.limits)
            self._folder.keep(upload)
        except OSError as error:
            raise RequestRefusedError(
                507, "no_space", f"the file could not be stored: {error.strerror}"
            ) from error
        row = self._store.add_file(upload.filename, upload.purpose, upload.digest, upload.size)
        self._checks.add()
        return JSONResponse(responses.file(row))

    async def file(self, request: Request) -> Response:
        """Return a file."""
        row = self._store.file(request.path_params["id"])
        if not row:
            raise RequestRefusedError(404, "unknown_file", "no such file")
        return JSONResponse(responses.file(row))

    async def jobs(self, request: Request) -> Response:
        """Create a job (POST) or list jobs (GET)."""
        return await (self._create if request.method == "POST" else self._list)(request)

    async def _create(self, request: Request) -> Response:
        """Create a job, or return the one that was created with the same idempotency key."""
        payload = await self._json(request)
        key = admission.idempotency_key(request.headers.get("idempotency-key"))
        # In a thread: reporting a payload with many errors takes seconds.
        digest = await asyncio.to_thread(admission.admit_payload, payload)
        admission.admit_files(payload, self._store)
        row, is_new = self._store.add_job(payload, digest, key)
        if not is_new and row["payload_digest"] != digest:
            raise RequestRefusedError(
                409, "idempotency_conflict", "this idempotency key was already used with a different payload"
            )
        return JSONResponse(responses.job(row), 201 if is_new else 200)

    async def provenance(self, request: Request) -> Response:
        """Keep where a job comes from and return the job (PUT), or return what is kept."""
        row = self._job(request)
        if request.method == "PUT":
            content = await self._json(request)
            await asyncio.to_thread(admission.admit_provenance, content)
            if not self._store.describe(row["id"], content):
                message = "where a job comes from can be said until it is started"
                raise RequestRefusedError(409, "already_started", message)
            return JSONResponse(responses.job(row))
        known = self._store.provenance(row["id"])
        if not known:
            raise RequestRefusedError(404, "no_provenance", "nobody said where this job comes from")
        return Response(known, media_type="application/json")

    async def start(self, request: Request) -> Response:
        """Queue a job to run. Has no effect on a job that was already started."""
        row = self._job(request)
        if await self._json(request) != {}:
            raise RequestRefusedError(400, "invalid_body", "the request body must be {}")
        if self._store.move(row["id"], "queued", of=("created",)):
            self._runner.add()
        return JSONResponse(responses.job(self._job(request)))

    async def cancel(self, request: Request) -> Response:
        """Cancel a job. Has no effect on a job that has ended."""
        self._runner.cancel(self._job(request)["id"])
        return JSONResponse(responses.job(self._job(request)))

    async def job(self, request: Request) -> Response:
        """Return a job."""
        return JSONResponse(responses.job(self._job(request)))

    async def _list(self, request: Request) -> Response:
        """List jobs, newest first."""
        query, after = request.query_params, _moment(request, "created_after")
        limit = _number(request, "limit", 100, least=1, most=_PAGE)
        is_any = query.get("type") in {None, "sft_offline"}
        rows = self._store.jobs(query.get("status"), after, limit) if is_any else []
        return JSONResponse({"jobs": [*map(responses.job, rows)]})

    async def events(self, request: Request) -> Response:
        """List the events of a job after `since_seq`."""
        since, limit = _number(request, "since_seq", 0), _number(request, "limit", 100, least=1, most=_PAGE)
        return JSONResponse({"events": self._store.events(self._job(request)["id"], since, limit)})

    async def metrics(self, request: Request) -> Response:
        """List the metric points of a job after `after_step`."""
        after = _number(request, "after_step", -1, least=-2)
        limit = _number(request, "limit", 100, least=1, most=_PAGE)
        name = request.query_params.get("name")
        return JSONResponse({"points": self._store.metrics(self._job(request)["id"], name, after, limit)})

    async def timeline(self, request: Request) -> Response:
        """List the phases of a job."""
        events = self._store.events(self._job(request)["id"], 0, _PAGE, "status")
        phases = [{"phase": each["data"]["phase"], "created_at": each["created_at"]} for each in events]
        return JSONResponse({"events": phases})

    def _job(self, request: Request) -> dict[str, Any]:
        row = self._store.job(request.path_params["id"])
        if not row:
            raise RequestRefusedError(404, "unknown_job", "no such job")
        return row

    async def _json(self, request: Request) -> Any:
        parts = pieces(request, self.limits.job, self.limits.patience)
        body = b"".join([piece async for piece in parts])
        try:
            return json.loads(body.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise RequestRefusedError(
                400, "invalid_json", "the request body is not valid JSON, or is nested too deep"
            ) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON")


def _number(request: Request, name: str, default: int, least: int = 0, most: int = _LAST) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise RequestRefusedError(400, "invalid_query", f"`{name}` must be an integer from {least} to {most}")
    return int(text)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    with suppress(ValueError, OverflowError):
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    raise RequestRefusedError(
        400,
        "invalid_query",
        f"`{name}` must be a time such as 2026-01-31T12:00:00Z; encode a + in the URL as %2B",
    )

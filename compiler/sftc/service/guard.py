"""Middleware that assigns request ids and checks the bearer token."""

import hmac
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sftc.service.responses import failure

OPEN = "/api/openapi.json"
"""The only path that needs no token."""


class Guard:
    """Middleware that rejects requests without the bearer `token`, and adds `X-Request-Id` to responses."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = f"req-{uuid.uuid4().hex}"
        scope.setdefault("state", {})["id"] = id

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = id
            await send(message)

        given = Headers(scope=scope).get("authorization", "").encode("latin-1")
        if scope["path"] == OPEN or hmac.compare_digest(given, self._expected):
            await self._app(scope, receive, answer)
        else:
            refusal = failure(
                Request(scope),
                401,
                "unauthorized",
                "the token is missing or wrong",
                {"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, answer)

"""Middleware that assigns request ids, and checks the host, the origin, and the token or the session."""

import hmac
import uuid
from collections.abc import Collection
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sftc.service.pages.session import HEADERS, PAGES, Session, is_from_our_page, is_open_page
from sftc.service.request_origin import is_foreign, is_ours
from sftc.service.responses import failure

OPEN = "/api/openapi.json"
"""The only path of the API that needs no token."""

AUTHORIZED = "authorized"
"""The entry in the state of a request that has the token."""

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Guard:
    """Middleware that rejects requests of other pages and those without the token, and adds `X-Request-Id`.

    A page takes the cookie of a session, and not the token; the API takes the token, and no cookie.

    Args:
        app: the application that gets the other requests.
        token: the bearer token.
        session: the session of browsers.
        names: the host names of the service; see `request_origin`.
    """

    def __init__(self, app: ASGIApp, token: str, session: Session, names: Collection[str]) -> None:
        self._app = app
        self._session = session
        self._expected = f"Bearer {token}".encode()
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = f"req-{uuid.uuid4().hex}"
        state = scope.setdefault("state", {})
        state["id"] = id

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = id
            await send(message)

        if refusal := self._refusal(Request(scope)):
            await refusal(scope, receive, answer)
        else:
            state[AUTHORIZED] = scope["path"] != OPEN and not is_open_page(scope["path"])
            await self._app(scope, receive, answer)

    def _refusal(self, request: Request) -> Response | None:
        """Return the response to a request that may not reach the application, or `None`."""
        headers = request.headers
        if not all(is_ours(host, self._names) for host in headers.getlist("host")):
            message = "the header `Host` does not name this service: see `sftc serve --allow-host`"
            return failure(request, 403, "wrong_host", message)
        if any(is_foreign(origin, headers.get("host")) for origin in headers.getlist("origin")):
            return failure(request, 403, "foreign_origin", "a web page of another origin sent the request")
        if PAGES.fullmatch(request.scope["path"]):
            return self._page_refusal(request)
        given = headers.get("authorization", "").encode("latin-1")
        if request.scope["path"] != OPEN and not hmac.compare_digest(given, self._expected):
            return failure(request, 401, "unauthorized", "the token is missing or wrong", _CHALLENGE)
        return None

    def _page_refusal(self, request: Request) -> Response | None:
        if not is_from_our_page(request):
            message = "only a page of this service may change something"
            return failure(request, 403, "foreign_origin", message)
        if self._session.is_open_to(request):
            return None
        if request.method == "GET" and not request.scope["path"].endswith("/stream"):
            return RedirectResponse(f"/login?to={quote(request.scope['path'])}", 303, HEADERS)
        return failure(request, 401, "unauthorized", "log in first, at /login")

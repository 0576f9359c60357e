"""Requests to the service, tried again where that may help."""

import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, Self

import httpx

from sftc.submission.failures import RefusedError, UnreachableError
from sftc.submission.settings import Backend

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT: Final = httpx.Timeout(60.0, connect=15.0)
_LONGEST: Final = 60.0

Tell = Callable[[str], None]


class Patience(NamedTuple):
    """How long to go on: `tries` in all, the first pause of about `pause` seconds, then twice that."""

    tries: int = 7
    pause: float = 0.5


class Service:
    """A service, spoken to over HTTP: its answers are JSON objects.

    The key goes with every request to this service and to no other host.
    """

    def __init__(self, backend: Backend, tell: Tell, patience: Patience = Patience()) -> None:  # noqa: B008  it cannot be changed
        self.url = backend.url
        self.key = backend.key
        self._tell = tell
        self._patience = patience
        self._http = httpx.Client(
            base_url=f"{backend.url}/learning/",
            auth=_Bearer(backend.key.secret, httpx.URL(backend.url)),
            timeout=_TIMEOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer to a GET request; see `request`."""
        return self.request("GET", path, lambda: {"params": query or {}})

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the answer to a POST request of JSON; see `request`."""
        return self.request("POST", path, lambda: {"json": body, "headers": headers or {}})

    def request(self, method: str, path: str, parts: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the answer to a request, which may be sent more than once.

        Args:
            method: the method.
            path: the path behind `learning/`.
            parts: makes the other arguments of httpx's `request`, anew each time.

        Raises:
            RefusedError: the service says no.
            UnreachableError: no try gave an answer.
        """
        reason, wait = "", None
        for number in range(self._patience.tries):
            if number:
                self._wait(number, reason, wait)
                wait = None
            try:
                answer = self._http.request(method, path, follow_redirects=method == "GET", **parts())
                body = _object(answer)
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {error}".rstrip(": ")
                continue
            if answer.is_success and body is not None:
                return body
            reason = (
                f"HTTP {answer.status_code}" if not answer.is_success else "an answer that is no JSON object"
            )
            if not answer.is_success and answer.status_code not in _AGAIN:
                raise _refused(answer, body or {})
            wait = _retry_after(answer)
        raise UnreachableError(f"{self.url} does not answer as it should: {reason}")

    def _wait(self, number: int, reason: str, asked: float | None) -> None:
        pause = min(self._patience.pause * 2 ** (number - 1), _LONGEST) * random.uniform(0.5, 1.5)  # noqa: S311  jitter
        pause = min(max(pause, asked or 0), _LONGEST)
        self._tell(f"{reason}; trying again in {pause:.1f} s ({number} of {self._patience.tries - 1})")
        time.sleep(pause)


class _Bearer(httpx.Auth):
    """Puts the key on requests to one origin, so that a redirect elsewhere goes without it."""

    def __init__(self, secret: str, url: httpx.URL) -> None:
        self._secret = secret
        self._origin = (url.scheme, url.host, url.port)

    def auth_flow(self, request: httpx.Request) -> Any:
        if (request.url.scheme, request.url.host, request.url.port) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._secret}"
        yield request


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _refused(answer: httpx.Response, body: Mapping[str, Any]) -> RefusedError:
    error = body.get("error", body.get("detail"))
    fields: Mapping[str, Any] = error if isinstance(error, dict) else body
    code = fields.get("code")
    message = fields.get("message") or (error if isinstance(error, str) else None)
    request_id = answer.headers.get("x-request-id") or fields.get("request_id")
    return RefusedError(
        answer.status_code,
        code if isinstance(code, str) else None,
        str(message or answer.reason_phrase)[:500],
        str(request_id)[:100] if request_id else None,
    )


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None

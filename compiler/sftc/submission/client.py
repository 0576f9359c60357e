"""Sends requests to the service, and retries those that may succeed later."""

import json
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from math import inf
from threading import Thread
from typing import Any, Final, NamedTuple, Self, TypeVar

import httpx

from sftc.submission.endpoint import Backend, SettingsError
from sftc.submission.failures import RefusedError, UnreachableError
from sftc.submission.network import route_to

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONNECT: Final = 15.0
_WRITE: Final = 60.0
"""Maximum seconds to connect, and to send a piece of a request."""

_LONGEST: Final = 60.0
_ASKED: Final = 600.0
_EVER: Final = 1e9
"""Maximum pauses in seconds: between retries, when the service sends `Retry-After`, and of that header."""

_LARGEST: Final = 64 << 20
"""Maximum size of a response in bytes."""

_MESSAGE: Final = 500
_CODE: Final = 100
"""Maximum characters shown of a message and of an error code from the service."""

Notify = Callable[[str], None]
Recover = Callable[[], dict[str, Any] | None]
_Parts = Callable[[], dict[str, Any]]
_Result = TypeVar("_Result")


class Patience(NamedTuple):
    """How often to retry a request, and how long to wait for a response.

    Attributes:
        tries: the maximum number of tries, including the first.
        pause: the approximate pause before the second try, in seconds. Each later pause is twice as
            long as the one before.
        answer: the maximum time until a response begins or continues, in seconds.
        storing: the same for an upload, which a service may check or copy before it responds.
        limit: the maximum time for each try, in seconds, whatever the service sends.
    """

    tries: int = 7
    pause: float = 0.5
    answer: float = 60.0
    storing: float = 1800.0
    limit: float = inf


class ServiceClient:
    """An HTTP client for a service whose responses are JSON objects. Masks the API key in responses.

    Every request to this service carries the key. Requests to other hosts, such as redirects, do not.

    Args:
        backend: the URL and the API key.
        tell: called with a message before each retry.
        patience: how often to retry.

    Raises:
        SettingsError: the URL, or a variable about proxies or certificates, cannot be used.
    """

    def __init__(self, backend: Backend, tell: Notify, patience: Patience = Patience()) -> None:  # noqa: B008  it is immutable
        self.url = backend.url
        self.key = backend.key
        self._tell = tell
        self._patience = patience
        try:
            url = httpx.URL(f"{backend.url}/learning/")
        except httpx.InvalidURL as error:
            raise SettingsError(f"{backend.url} cannot be used: {error}") from error
        self._route = route_to(url)
        self._http = httpx.Client(
            base_url=url,
            auth=_Bearer(backend.key.secret, url),
            verify=self._route.certificates,
            proxy=self._route.proxy,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        tries: int | None = None,
        limit: float = inf,
    ) -> dict[str, Any]:
        """Send a GET request and return the response. See `request`."""
        patience = self._patience._replace(tries=tries or self._patience.tries, limit=limit)
        return self.request("GET", path, lambda: {"params": query or {}}, patience)

    def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, recover: Recover | None = None
    ) -> dict[str, Any]:
        """Send a POST request with a JSON body and return the response. See `request`."""
        return self.request("POST", path, lambda: {"json": body, "headers": headers or {}}, recover=recover)

    def upload(self, path: str, parts: _Parts, recover: Recover) -> dict[str, Any]:
        """Send a POST request with a file, and wait longer for the response. See `request`."""
        patience = self._patience._replace(answer=self._patience.storing)
        return self.request("POST", path, parts, patience, recover)

    def request(
        self,
        method: str,
        path: str,
        parts: _Parts,
        patience: Patience | None = None,
        recover: Recover | None = None,
    ) -> dict[str, Any]:
        """Send a request, retry it if necessary, and return the response.

        Args:
            method: the HTTP method.
            path: the path after `learning/`.
            parts: returns the other arguments of httpx's `stream`. Called before each try.
            patience: how often to retry, and how long to wait. The default is that of this client.
            recover: called before each retry, to find out whether an earlier try succeeded although
                its response was lost. If it does not return `None`, its result is the response.

        Raises:
            RefusedError: the service refused the request.
            UnreachableError: no try got a valid response.
        """
        patience, reason, wait = patience or self._patience, "", 0.0
        timeout = httpx.Timeout(_WRITE, connect=_CONNECT, read=patience.answer)
        for number in range(patience.tries):
            if number:
                self._wait(number, patience.tries, reason, wait)
            wait = 0.0
            try:
                if number and recover and (found := recover()) is not None:
                    return found
                response, content = _within(
                    patience.limit, lambda: self._exchange(method, path, parts, timeout)
                )
            except (
                httpx.HTTPError,
                UnicodeError,
                UnreachableError,
            ) as error:  # UnicodeError: a host such as a..b
                reason = _reason(error)
                continue
            body = self._object(content)
            if response.is_success and body is not None:
                return body
            refusal = self._refused(response, body or {})
            if not response.is_success and response.status_code not in _AGAIN:
                raise refusal
            reason = "the response is not a JSON object" if response.is_success else refusal.detail
            wait = _retry_after(response)
            if wait > _ASKED:
                break
        reason = self.key.masked(self._route.explained(reason))
        asked = f"; the service asks to wait {wait:,.0f} s" if wait else ""
        raise UnreachableError(f"no valid response from {self.url}{self._route.via}: {reason}{asked}", wait)

    def _exchange(
        self, method: str, path: str, parts: _Parts, timeout: httpx.Timeout
    ) -> tuple[httpx.Response, bytes]:
        """Send a request once, and return the response and its content.

        Raises:
            httpx.HTTPError: there was no response, or half of one.
            UnreachableError: the response is too large.
        """
        content = bytearray()
        with self._http.stream(
            method, path, timeout=timeout, follow_redirects=method == "GET", **parts()
        ) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _LARGEST:
                    raise UnreachableError(f"the response is larger than {_LARGEST >> 20} MiB")
        return response, bytes(content)

    def _wait(self, number: int, tries: int, reason: str, asked: float) -> None:
        pause = min(self._patience.pause * 2 ** (number - 1), _LONGEST) * random.uniform(0.5, 1.5)  # noqa: S311  jitter
        pause = max(pause, asked)
        self._tell(f"{self.key.masked(reason)}; retrying in {pause:.1f} s (retry {number} of {tries - 1})")
        time.sleep(pause)

    def _object(self, content: bytes) -> dict[str, Any] | None:
        try:
            body = json.loads(content)
            return self.key.masked(body) if isinstance(body, dict) else None
        except (ValueError, RecursionError):
            return None

    def _refused(self, answer: httpx.Response, body: Mapping[str, Any]) -> RefusedError:
        error = body.get("error", body.get("detail"))
        fields: Mapping[str, Any] = error if isinstance(error, dict) else body
        code = fields.get("code")
        message = fields.get("message") or (error if isinstance(error, str) else None)
        request_id = answer.headers.get("x-request-id") or fields.get("request_id")
        return RefusedError(
            answer.status_code,
            code[:_CODE] if isinstance(code, str) else None,
            str(message or answer.reason_phrase)[:_MESSAGE],
            self.key.masked(str(request_id)[:_CODE]) if request_id else None,
        )


class _Bearer(httpx.Auth):
    """Adds the key to requests to one origin, so that a redirect to another one does not get it."""

    def __init__(self, secret: str, url: httpx.URL) -> None:
        self._secret = secret
        self._origin = (url.scheme, url.host, url.port)

    def auth_flow(self, request: httpx.Request) -> Any:
        if (request.url.scheme, request.url.host, request.url.port) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._secret}"
        yield request


def _within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Return the result of `call`, which gets `seconds` in all. A timeout of httpx is for each piece.

    Raises:
        UnreachableError: it took longer. The call then continues in a thread that does not keep the
            program from ending.
    """
    if seconds == inf:
        return call()
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  raised again by `result`
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return future.result(max(seconds, 0.0))
    except TimeoutError as error:
        raise UnreachableError("the response took too long") from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnreachableError):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")[:_MESSAGE]


def _retry_after(answer: httpx.Response) -> float:
    """Return the seconds to wait from the `Retry-After` header, or 0 if there is none."""
    text = answer.headers.get("retry-after", "")
    if text.isdecimal():
        return min(float(text), _EVER)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - time.time()), _EVER)
    except (ValueError, OverflowError):
        return 0.0

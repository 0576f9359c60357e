"""Sends requests to the service, and retries those that may succeed later."""

import json
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from math import inf
from threading import Thread
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx

from sftc.contract.service_table import ServiceCall, Values, filled
from sftc.submission.endpoint import Backend, SettingsError
from sftc.submission.failures import RefusedError, UnreachableError
from sftc.submission.network import Route, route_to

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONNECT: Final = 15.0
_WRITE: Final = 60.0
"""Maximum seconds to connect, and to send a piece of a request."""

_LONGEST: Final = 60.0
_ASKED: Final = 600.0
_EVER: Final = 1e9
"""Maximum pauses in seconds: between retries, when the service sends `Retry-After`, and of that header."""

_STORED: Final = frozenset({200, 201, 204, 301, 302, 303, 307, 308})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_HOPS: Final = 5
"""The statuses with which a storage names another address, and the most that are followed."""

_PIECE: Final = 1 << 20
"""The size in bytes of the pieces of a file that is the body of a request."""

_SAFE: Final = "~:@!$&'()*+,;=-._"
"""The characters of a value that a path has as they are."""

_DIGITS: Final = 300
"""Maximum digits of an integer in a response."""

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


RECOVERED: Final = 0
"""The status of a reply that `recover` found, without a response."""


class Reply(NamedTuple):
    """The answer to a request: its status, its headers, and its JSON body with all secrets masked."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class Content(Protocol):
    """A data file that is sent: it can be read from the start again."""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, none at the end."""

    def seek(self, offset: int) -> int:
        """Go back to the start."""

    def fileno(self) -> int:
        """Return the descriptor of the file."""


class NamedContent(NamedTuple):
    """A data file with its name on the service and its size in bytes."""

    name: str
    data: Content
    length: int


class Sending(NamedTuple):
    """What a request of the table has besides its slots.

    Attributes:
        json: its JSON body, if the table has none.
        content: the data file, if it has one. The service may take long to answer.
        recover: called before each retry, to find out whether an earlier try succeeded although its
            response was lost. If it does not return `None`, its result is the response.
    """

    json: Any = None
    content: NamedContent | None = None
    recover: Recover | None = None


class _Request(NamedTuple):
    """A request to send.

    Attributes:
        method: the HTTP method.
        path: the path below the base address, or an address.
        parts: returns the other arguments of httpx's `stream`. Called before each try.
        recover: see `Sending`.
        takes: the statuses that are answers, whatever the body is.
    """

    method: str
    path: str
    parts: _Parts
    recover: Recover | None = None
    takes: Collection[int] = ()


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
        self.backend = backend
        self.table = backend.service
        self._tell = tell
        self._patience = patience
        try:
            base = self._path(self.table.endpoint.base, backend.parts)
            url = httpx.URL(f"{backend.url}/{base}/" if base else f"{backend.url}/")
        except httpx.InvalidURL as error:
            raise SettingsError(f"{backend.url} cannot be used: {error}") from error
        self._base = url
        self._route = route_to(url)
        self._http = _http(self._route, base_url=url, auth=_Bearer(backend.key.secret, url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON body of the answer to a GET request.

        Args:
            path: the path below the base address, or an address of the service.
            query: the query.

        Raises:
            RefusedError: the service refused the request.
            UnreachableError: no try got a valid answer.
        """
        request = _Request("GET", path, lambda: {"params": query or {}})
        return self._ask(self._http, request, self._patience).body

    def call(
        self,
        call: ServiceCall,
        values: Values = MappingProxyType({}),
        sending: Sending = Sending(),  # noqa: B008  it is immutable
        tries: int | None = None,
        limit: float = inf,
    ) -> Reply:
        """Send a request of the service's table.

        Args:
            call: the request.
            values: what its slots are filled with.
            sending: what it has besides.
            tries: the maximum number of tries.
            limit: the maximum time for each try, in seconds.

        Raises:
            RefusedError: the service refused the request.
            UnreachableError: no try got a valid answer.
        """
        content = sending.content
        patience = self._patience._replace(tries=tries or self._patience.tries, limit=limit)
        if content:
            patience = patience._replace(answer=patience.storing)
        values = {**self.backend.parts, **values}
        if content and call.is_storage:
            return self._store(values["url"], filled(call.headers, values), content, patience)
        body = sending.json if sending.json is not None else filled(call.json, values)

        def parts() -> dict[str, Any]:
            said: dict[str, Any] = {"headers": filled(call.headers, values)}
            if call.query:
                said["params"] = filled(call.query, values)
            form = filled(call.form, values)
            if call.part and content:
                content.data.seek(0)
                file = (content.name, content.data, "application/jsonl")
                return {**said, "data": form, "files": {call.part: file}}
            if form:
                return {**said, "files": {name: (None, text) for name, text in form.items()}}
            return said if body is None else {**said, "json": body}

        path = self._path(call.path, values)
        request = _Request(call.method, path, parts, sending.recover, call.takes)
        return self._ask(self._http, request, patience)

    def _ask(self, http: httpx.Client, request: _Request, patience: Patience) -> Reply:
        """Send a request, retry it if necessary, and return the answer.

        Raises:
            RefusedError: the service refused the request.
            UnreachableError: no try got a valid answer.
        """
        reason, wait = "", 0.0
        timeout = httpx.Timeout(_WRITE, connect=_CONNECT, read=patience.answer)
        for number in range(patience.tries):
            if number:
                self._wait(number, patience.tries, reason, wait)
            wait = 0.0
            try:
                if number and request.recover and (found := request.recover()) is not None:
                    return Reply(RECOVERED, {}, found)
                response, content = _within(patience.limit, lambda: _exchange(http, request, timeout))
            except (
                httpx.HTTPError,
                httpx.InvalidURL,  # of a redirect
                UnicodeError,
                UnreachableError,
            ) as error:  # UnicodeError: a host such as a..b
                reason = _reason(error)
                continue
            body = self._object(content)
            if response.status_code in request.takes or (response.is_success and body is not None):
                return Reply(response.status_code, response.headers, body or {})
            refusal = self._refused(response, body or {})
            if not response.is_success and response.status_code not in _AGAIN:
                raise refusal
            reason = "the response is not a JSON object" if response.is_success else refusal.detail
            wait = _retry_after(response)
            if wait > _ASKED:
                break
        reason = self.backend.masked(self._route.explained(reason))
        asked = f"; the service asks to wait {wait:,.0f} s" if wait else ""
        where = self.url if http is self._http else "the storage of the service"
        raise UnreachableError(f"no valid response from {where}{self._route.via}: {reason}{asked}", wait)

    def _store(
        self, address: str, headers: Mapping[str, str], content: NamedContent, patience: Patience
    ) -> Reply:
        """Put a data file to an address that the service named, without the API key.

        The address is a secret, which no message has: who knows it can write to it.
        """
        url = self._storage(self._base, address)
        for _ in range(_HOPS):
            route = route_to(url)

            def parts() -> dict[str, Any]:
                content.data.seek(0)
                length = {"Content-Length": str(content.length)}
                return {"content": _pieces(content.data), "headers": {**headers, **length}}

            with _http(route) as http:
                try:
                    reply = self._ask(http, _Request("PUT", str(url), parts, takes=_STORED), patience)
                except RefusedError as error:
                    raise UnreachableError(
                        f"the storage of the service did not take the file: HTTP {error.status}:"
                        " run the command again"
                    ) from error
            if reply.status not in _MOVED:
                return reply
            url = self._storage(url, reply.headers.get("location", ""))
        raise UnreachableError("the storage of the service names ever other addresses")

    def _storage(self, base: httpx.URL, address: str) -> httpx.URL:
        """Return the address of a storage, which must be as safe as that of the service."""
        try:
            url = base.join(address)
        except httpx.InvalidURL:
            url = httpx.URL()
        if not address or not url.host or url.scheme not in {"https", self._base.scheme}:
            raise UnreachableError("the service names no safe address to send the file to")
        return url

    def _path(self, template: str, values: Values) -> str:
        quoted = {name: quote(value, safe=_SAFE) for name, value in values.items()}
        return str(filled(template, quoted))

    def _wait(self, number: int, tries: int, reason: str, asked: float) -> None:
        pause = min(self._patience.pause * 2 ** (number - 1), _LONGEST) * random.uniform(0.5, 1.5)  # noqa: S311  jitter
        pause = max(pause, asked)
        self._tell(
            f"{self.backend.masked(reason)}; retrying in {pause:.1f} s (retry {number} of {tries - 1})"
        )
        time.sleep(pause)

    def _object(self, content: bytes) -> dict[str, Any] | None:
        try:
            body = json.loads(content, parse_int=_number)
            return self.backend.masked(body) if isinstance(body, dict) else None
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
            self.backend.masked(str(request_id)[:_CODE]) if request_id else None,
        )


def _exchange(http: httpx.Client, request: _Request, timeout: httpx.Timeout) -> tuple[httpx.Response, bytes]:
    """Send a request once, and return the response and its content.

    Raises:
        httpx.HTTPError: there was no response, or half of one.
        UnreachableError: the response is too large.
    """
    content, follows = bytearray(), request.method == "GET"
    with http.stream(
        request.method, request.path, timeout=timeout, follow_redirects=follows, **request.parts()
    ) as response:
        for piece in response.iter_bytes():
            content += piece
            if len(content) > _LARGEST:
                raise UnreachableError(f"the response is larger than {_LARGEST >> 20} MiB")
    return response, bytes(content)


def _http(route: Route, **options: Any) -> httpx.Client:
    return httpx.Client(verify=route.certificates, proxy=route.proxy, trust_env=False, **options)


def _number(text: str) -> int | float:
    """Return an integer of JSON; one that no float can represent is infinite, so that it can be shown."""
    return int(text) if len(text) <= _DIGITS else float(text)


def _pieces(data: Content) -> Iterator[bytes]:
    while piece := data.read(_PIECE):
        yield piece


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

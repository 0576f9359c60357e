"""Requests to the service, retried if that may help."""

import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, Self

import httpx

from sftc.submission.endpoint import LOOPBACK, Backend, SettingsError
from sftc.submission.failures import RefusedError, UnreachableError

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT: Final = httpx.Timeout(60.0, connect=15.0)
_LONGEST: Final = 60.0
_ASKED: Final = 600.0
"""Seconds that a pause may have by itself, and where the service asks for one."""

_MESSAGE: Final = 500
_CODE: Final = 100
"""Characters of what the service says that are shown, at most."""

Notify = Callable[[str], None]
Recover = Callable[[], dict[str, Any] | None]


class Patience(NamedTuple):
    """How long to go on: `tries` in all, the first pause of about `pause` seconds, then twice that."""

    tries: int = 7
    pause: float = 0.5


class ServiceClient:
    """A service, spoken to over HTTP: its answers are JSON objects, in which the key is masked.

    The key goes with every request to this service and to no other host.

    Raises:
        SettingsError: the URL, or a proxy that the environment names, is none.
    """

    def __init__(self, backend: Backend, tell: Notify, patience: Patience = Patience()) -> None:  # noqa: B008  it cannot be changed
        self.url = backend.url
        self.key = backend.key
        self._tell = tell
        self._patience = patience
        try:
            url = httpx.URL(f"{backend.url}/learning/")
            self._http = httpx.Client(
                base_url=url,
                auth=_Bearer(backend.key.secret, url),
                timeout=_TIMEOUT,
                # Through a proxy the key would leave this machine.
                mounts={f"all://{_bracketed(url.host)}": None} if url.host in LOOPBACK else None,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise SettingsError(f"{backend.url}, or the proxy to it, cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, tries: int | None = None
    ) -> dict[str, Any]:
        """Return the answer to a GET request; see `request`."""
        return self.request("GET", path, lambda: {"params": query or {}}, tries=tries)

    def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, recover: Recover | None = None
    ) -> dict[str, Any]:
        """Return the answer to a POST request of JSON; see `request`."""
        return self.request("POST", path, lambda: {"json": body, "headers": headers or {}}, recover=recover)

    def request(
        self,
        method: str,
        path: str,
        parts: Callable[[], dict[str, Any]],
        tries: int | None = None,
        recover: Recover | None = None,
    ) -> dict[str, Any]:
        """Return the answer to a request, which may be sent more than once.

        Args:
            method: the method.
            path: the path behind `learning/`.
            parts: makes the other arguments of httpx's `request`, anew each time.
            tries: how often it may be sent; as often as patience goes by default.
            recover: is asked before each further try whether an earlier one was heard
                after all; what it returns, unless `None`, is the answer.

        Raises:
            RefusedError: the service says no.
            UnreachableError: no try gave an answer.
        """
        tries, reason, wait = tries or self._patience.tries, "", 0.0
        for number in range(tries):
            if number:
                self._wait(number, tries, reason, wait)
            wait = 0.0
            try:
                if number and recover and (found := recover()) is not None:
                    return found
                answer = self._http.request(method, path, follow_redirects=method == "GET", **parts())
            except (httpx.HTTPError, UnicodeError, UnreachableError) as error:  # of a host, such as a..b
                reason = _reason(error)
                continue
            body = self._object(answer)
            if answer.is_success and body is not None:
                return body
            refusal = self._refused(answer, body or {})
            if not answer.is_success and answer.status_code not in _AGAIN:
                raise refusal
            reason = "an answer that is no JSON object" if answer.is_success else refusal.detail
            wait = _retry_after(answer)
            if wait > _ASKED:
                break
        reason = self.key.masked(reason)
        raise UnreachableError(f"{self.url} does not answer as it should: {reason}", wait)

    def _wait(self, number: int, tries: int, reason: str, asked: float) -> None:
        pause = min(self._patience.pause * 2 ** (number - 1), _LONGEST) * random.uniform(0.5, 1.5)  # noqa: S311  jitter
        pause = max(pause, asked)
        self._tell(f"{self.key.masked(reason)}; trying again in {pause:.1f} s ({number} of {tries - 1})")
        time.sleep(pause)

    def _object(self, answer: httpx.Response) -> dict[str, Any] | None:
        try:
            body = answer.json()
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
    """Puts the key on requests to one origin, so that a redirect elsewhere goes without it."""

    def __init__(self, secret: str, url: httpx.URL) -> None:
        self._secret = secret
        self._origin = (url.scheme, url.host, url.port)

    def auth_flow(self, request: httpx.Request) -> Any:
        if (request.url.scheme, request.url.host, request.url.port) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._secret}"
        yield request


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reason(error: Exception) -> str:
    if isinstance(error, UnreachableError):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")[:_MESSAGE]


def _retry_after(answer: httpx.Response) -> float:
    """Return how many seconds the service asks to wait; 0 if it does not."""
    text = answer.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0

"""Who may see a page, and change something: whoever has typed the token once, on a page of this service.

The cookie does not have the token: browsers send cookies of a host to all of its ports, and what another
program on this machine finds in it opens these pages, but not the API.
"""

import hashlib
import hmac
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

PAGES: Final = re.compile(r"/|/stream|/(jobs|files|login|logout|static)(/.*)?")
"""The paths of pages. All others are those of the API."""

_OPEN: Final = re.compile(r"/login|/static/.*")
_LASTS: Final = 30 * 24 * 3600
"""Seconds until the token must be typed again."""

_SAFE: Final = {"GET", "HEAD"}

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, a form of the page would have the origin `null`
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""The headers of every page."""


class Session:
    """The session of a browser, the same for all browsers that know the token."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._value = hmac.new(token.encode(), b"pages of sftc", hashlib.sha256).hexdigest()

    def is_open_to(self, request: Request) -> bool:
        """Return whether the request has the cookie, or asks for what needs none."""
        given = request.cookies.get(_name(request), "")
        return is_open_page(request.scope["path"]) or _equal(given, self._value)

    def begin(self, request: Request, answer: Response, token: str) -> bool:
        """Set the cookie if `token` is the token, and return whether it is."""
        if not _equal(token, self._token):
            return False
        answer.set_cookie(_name(request), self._value, max_age=_LASTS, httponly=True, samesite="strict")
        return True

    @staticmethod
    def end(request: Request, answer: Response) -> None:
        """Delete the cookie."""
        answer.delete_cookie(_name(request), httponly=True, samesite="strict")


def is_open_page(path: str) -> bool:
    """Return whether a page needs no session: the form that begins one, and what all pages load."""
    return bool(_OPEN.fullmatch(path))


def is_from_our_page(request: Request) -> bool:
    """Return whether a page of this service sent a request, or a person who opens a page.

    `Guard` has refused every foreign `Origin`. A browser sends at least one of the two headers with a
    form; a request that sends neither is not from a page of ours. A link of another page may lead here,
    but what it loads behind the back of a person may not.
    """
    site = request.headers.get("sec-fetch-site")
    if request.method not in _SAFE:
        return site == "same-origin" if site else "origin" in request.headers
    return site in {None, "none", "same-origin"} or request.headers.get("sec-fetch-mode") == "navigate"


def _name(request: Request) -> str:
    """Return the name of the cookie: services on other ports of this host have their own."""
    return f"sftc-{request.scope['server'][1]}"


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())

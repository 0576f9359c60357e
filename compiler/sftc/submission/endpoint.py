"""Finds the URL of the service and the API key."""

import os
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from io import StringIO
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

LOCAL: Final = "local"
URL_VARIABLE: Final = "BACKEND_BASE_URL"
KEY_VARIABLE: Final = "SYNTH_API_KEY"

LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_API: Final = "/api"
_SHOWN: Final = (4, 2)
_TELLING: Final = 8
_FORM: Final = re.compile(
    r"https?://(?:[\w-]{1,63}(?:\.[\w-]{1,63})*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?"
    r"(?:/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*)?",
    re.ASCII | re.IGNORECASE,
)
_FAULTS: Final = (
    (re.compile(r"[^!-~]"), "it contains a space, or a character that must be escaped"),
    (re.compile(r"^[^/]*//[^/?#]*@"), "it contains a user or a password"),
    (re.compile(r"[?#]"), "it contains a query or a fragment"),
)
"""Patterns of common mistakes in a URL, and the messages about them."""


_MARKS: Final = {BOM_UTF8: "utf-8-sig", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}
"""Byte order marks at the start of a dotenv file, and the encoding that removes each."""


class SettingsError(Exception):
    """The URL or the API key is invalid or missing. The message gives the reason."""


class ApiKey:
    """An API key. Printing it shows at most its first four and last two characters."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        first, last = _SHOWN
        return (
            f"{self.secret[:first]}...{self.secret[-last:]}"
            if len(self.secret) > 2 * (first + last)
            else "..."
        )

    def masked(self, value: Any) -> Any:
        """Return `value`, which is JSON or a text, with the secret masked everywhere in it.

        Secrets shorter than 8 characters are not masked: they could be part of ordinary words.
        """
        if isinstance(value, str):
            return value.replace(self.secret, repr(self)) if len(self.secret) >= _TELLING else value
        if isinstance(value, dict):
            return {self.masked(name): self.masked(each) for name, each in value.items()}
        return [self.masked(each) for each in value] if isinstance(value, list) else value


class Backend(NamedTuple):
    """A service: its URL, which ends in `/api`, and its API key."""

    url: str
    key: ApiKey

    @property
    def identity(self) -> str:
        """A string that identifies this service and key."""
        return f"{self.url}\n{self.key.secret}"


def environment(file: str | None) -> Mapping[str, str]:
    """Return the environment variables. A dotenv `file` adds the variables that are not set.

    Raises:
        SettingsError: the dotenv file cannot be read.
    """
    if file is None:
        return os.environ
    from dotenv import dotenv_values

    try:
        with open(file, "rb") as stored:
            data = stored.read()
        # Not every version of python-dotenv removes the mark, which editors on Windows write.
        encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
        values = dotenv_values(stream=StringIO(data.decode(encoding), newline=None))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    return {**{name: value for name, value in values.items() if value is not None}, **os.environ}


def base_url(named: str | None, variables: Mapping[str, str]) -> str:
    """Return the URL of the service: `named`, or `BACKEND_BASE_URL`, or `local`.

    Raises:
        SettingsError: the value is not a valid URL.
    """
    url = (named or variables.get(URL_VARIABLE) or LOCAL).rstrip("/")
    if url == LOCAL:
        return url
    if fault := _fault(url):
        shown = "the given URL" if "@" in url else repr(url)  # the URL may contain a password
        raise SettingsError(f"{shown} is not a valid service URL: {fault}")
    return url if urlsplit(url).path.endswith(_API) else f"{url}{_API}"


def _fault(url: str) -> str | None:
    for pattern, fault in _FAULTS:
        if pattern.search(url):
            return fault
    try:
        is_one = _FORM.fullmatch(url) and urlsplit(url).port != 0
    except ValueError:
        is_one = False
    return None if is_one else "use the form https://api.example.org or http://127.0.0.1:8000"


def backend_at(url: str, variables: Mapping[str, str], *, allow_insecure: bool) -> Backend:
    """Return the service at `url`, with the key from `SYNTH_API_KEY` in `variables`.

    Raises:
        SettingsError: the key is missing or invalid, or would be sent over plain HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not allow_insecure:
        raise SettingsError(
            f"{url} uses plain HTTP, which exposes the API key: use https, or pass --allow-insecure"
        )
    secret = variables.get(KEY_VARIABLE, "").strip()
    if not secret:
        raise SettingsError(f"no API key: set {KEY_VARIABLE}, or pass a file that sets it with --env-file")
    if not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"{KEY_VARIABLE} contains characters that are not allowed in a key")
    return Backend(url, ApiKey(secret))

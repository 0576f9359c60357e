"""The URL of the service, and its key."""

import os
import re
from collections.abc import Mapping
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
"""Common mistakes in a URL, and their messages."""


class SettingsError(Exception):
    """The URL or the key is invalid or missing; the message says how."""


class ApiKey:
    """A secret. It shows its first four and last two characters at most, wherever it is printed."""

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
        """Return JSON, or a text, with the secret masked wherever it occurs.

        A secret that is too short to differ from ordinary words is not masked.
        """
        if isinstance(value, str):
            return value.replace(self.secret, repr(self)) if len(self.secret) >= _TELLING else value
        if isinstance(value, dict):
            return {self.masked(name): self.masked(each) for name, each in value.items()}
        return [self.masked(each) for each in value] if isinstance(value, list) else value


class Backend(NamedTuple):
    """A service: its URL with `/api` at the end, and the key to it."""

    url: str
    key: ApiKey

    @property
    def identity(self) -> str:
        """A value that identifies this service and key."""
        return f"{self.url}\n{self.key.secret}"


def environment(file: str | None) -> Mapping[str, str]:
    """Return the variables of the environment, with those of a dotenv file beneath them.

    Raises:
        SettingsError: the file cannot be read.
    """
    if file is None:
        return os.environ
    from dotenv import dotenv_values

    try:
        with open(file, encoding="utf-8") as lines:
            values = dotenv_values(stream=lines)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    return {**{name: value for name, value in values.items() if value is not None}, **os.environ}


def base_url(named: str | None, variables: Mapping[str, str]) -> str:
    """Return the URL of the service: the given one, else that of the environment, else `local`.

    Raises:
        SettingsError: it is not a URL.
    """
    url = (named or variables.get(URL_VARIABLE) or LOCAL).rstrip("/")
    if url == LOCAL:
        return url
    if fault := _fault(url):
        shown = "the URL that is given" if "@" in url else repr(url)  # it may hold a password
        raise SettingsError(f"{shown} is not the URL of a service: {fault}")
    return url if urlsplit(url).path.endswith(_API) else f"{url}{_API}"


def _fault(url: str) -> str | None:
    for pattern, fault in _FAULTS:
        if pattern.search(url):
            return fault
    try:
        is_one = _FORM.fullmatch(url) and urlsplit(url).port != 0
    except ValueError:
        is_one = False
    return None if is_one else "write for example https://api.example.org or http://127.0.0.1:8000"


def backend_at(url: str, variables: Mapping[str, str], *, allow_insecure: bool) -> Backend:
    """Return the service at `url`, with the key of the environment.

    Raises:
        SettingsError: the key is missing, or would be sent over plain HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not allow_insecure:
        raise SettingsError(
            f"{url} is plain HTTP: others could read the key. Use https, or pass --allow-insecure"
        )
    secret = variables.get(KEY_VARIABLE, "").strip()
    if not secret:
        raise SettingsError(f"no key: set {KEY_VARIABLE}, or pass a file that sets it with --env-file")
    if not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"{KEY_VARIABLE} contains characters that are not allowed in a key")
    return Backend(url, ApiKey(secret))

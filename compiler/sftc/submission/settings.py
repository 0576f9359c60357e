"""Where the service is, and the key to it."""

import os
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

LOCAL: Final = "local"
URL_VARIABLE: Final = "BACKEND_BASE_URL"
KEY_VARIABLE: Final = "SYNTH_API_KEY"

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_API: Final = "/api"
_SHOWN: Final = (4, 2)


class SettingsError(Exception):
    """The service or its key is not named as it should be; the message says how."""


class Key:
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


class Backend(NamedTuple):
    """A service: its URL with `/api` at the end, and the key to it."""

    url: str
    key: Key

    @property
    def identity(self) -> str:
        """What tells this service and key from all others."""
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
    """Return the URL of the service: what is named, else of the environment, else `local`.

    Raises:
        SettingsError: it is no URL.
    """
    url = (named or variables.get(URL_VARIABLE) or LOCAL).rstrip("/")
    if url == LOCAL:
        return url
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or parts.username or parts.query or parts.fragment:
        raise SettingsError(f"{url} is no URL of a service, such as https://api.example.org")
    return url if parts.path.endswith(_API) else f"{url}{_API}"


def backend(url: str, variables: Mapping[str, str], *, allow_insecure: bool) -> Backend:
    """Return the service at `url`, with the key of the environment.

    Raises:
        SettingsError: there is no key, or it would leave over plain HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not allow_insecure:
        raise SettingsError(
            f"{url} is plain HTTP: the key could be read on the way. Use https, or --allow-insecure"
        )
    secret = variables.get(KEY_VARIABLE, "").strip()
    if not secret:
        raise SettingsError(f"no key: set {KEY_VARIABLE}, or name a file that does with --env-file")
    if not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"{KEY_VARIABLE} holds characters that no key has")
    return Backend(url, Key(secret))

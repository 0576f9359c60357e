"""Finds the URL of the service and the API key."""

import os
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from io import StringIO
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from sftc.contract.service_table import LOCAL, ServiceTable
from sftc.contract.targets import DEFAULT
from sftc.contract.versions import PACKAGED
from sftc.payload.encoding import Payload
from sftc.text.keys import ABSENT, look_up

LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_SHOWN: Final = (4, 2)
_TELLING: Final = 8
_FORM: Final = re.compile(
    r"https?://(?:[\w-]{1,63}(?:\.[\w-]{1,63})*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?"
    r"(?:/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*)?",
    re.ASCII | re.IGNORECASE,
)
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A value in a URL, such as the id of an account."""

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


def default_service() -> ServiceTable:
    """Return the table of the training service, which the embedded service speaks as well."""
    table = PACKAGED.target(DEFAULT).service
    assert table  # noqa: S101  a test of the package's tables reads it
    return table


class Backend(NamedTuple):
    """A service: its URL, its API key and its table.

    Attributes:
        url: the URL, which ends as the table says.
        key: the API key.
        table: how it is spoken to. `None` means the training service.
        parts: the other values in its URLs, by slot.
        secrets: the secrets that a job may need, by variable.
    """

    url: str
    key: ApiKey
    table: ServiceTable | None = None
    parts: Mapping[str, str] = MappingProxyType({})
    secrets: Mapping[str, ApiKey] = MappingProxyType({})

    @property
    def service(self) -> ServiceTable:
        """How it is spoken to."""
        return self.table or default_service()

    @property
    def identity(self) -> str:
        """A string that identifies this service, account and key."""
        return "\n".join((self.url, self.key.secret, *self.parts.values()))

    def masked(self, value: Any) -> Any:
        """Return `value`, which is JSON or a text, with all secrets masked everywhere in it."""
        for key in (self.key, *self.secrets.values()):
            value = key.masked(value)
        return value


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
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    return {**{name: value for name, value in values.items() if value is not None}, **os.environ}


def base_url(named: str | None, variables: Mapping[str, str], table: ServiceTable | None = None) -> str:
    """Return the URL of the service: `named`, or what its variable or its table says; `local` is embedded.

    Raises:
        SettingsError: the value is not a valid URL.
    """
    facts = (table or default_service()).endpoint
    if named is not None and not named.strip():
        raise SettingsError("the given URL of the service is empty")
    url = (named or variables.get(facts.variable) or facts.default).rstrip("/")
    if url == LOCAL:
        if facts.default != LOCAL:
            raise SettingsError("the embedded service does not train for this target")
        return url
    if fault := _fault(url):
        shown = "the given URL" if "@" in url else repr(url)  # the URL may contain a password
        raise SettingsError(f"{shown} is not a valid service URL: {fault}")
    return url if urlsplit(url).path.endswith(facts.path) else f"{url}{facts.path}"


def _fault(url: str) -> str | None:
    for pattern, fault in _FAULTS:
        if pattern.search(url):
            return fault
    try:
        is_one = _FORM.fullmatch(url) and urlsplit(url).port != 0
    except ValueError:
        is_one = False
    return None if is_one else "use the form https://api.example.org or http://127.0.0.1:8000"


def backend_at(
    url: str, variables: Mapping[str, str], *, allow_insecure: bool, table: ServiceTable | None = None
) -> Backend:
    """Return the service at `url`, with its key and its other values from `variables`.

    Raises:
        SettingsError: a value is missing or invalid, or the key would be sent over plain HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not allow_insecure:
        raise SettingsError(
            f"{url} uses plain HTTP, which exposes the API key: use https, or pass --allow-insecure"
        )
    service = table or default_service()
    facts = service.endpoint
    key = _secret(facts.key, variables)
    if key is None:
        raise SettingsError(f"no API key: set {facts.key}, or pass a file that sets it with --env-file")
    secrets = {row.variable: _secret(row.variable, variables) for row in service.secrets}
    return Backend(
        url,
        key,
        table,
        {slot: _part(name, variables) for slot, name in facts.parts.items()},
        {name: found for name, found in secrets.items() if found},
    )


def _secret(name: str, variables: Mapping[str, str]) -> ApiKey | None:
    secret = variables.get(name, "").strip()
    if not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"{name} contains characters that are not allowed in a key")
    return ApiKey(secret) if secret else None


def _part(name: str, variables: Mapping[str, str]) -> str:
    value = variables.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set: set it, or pass a file that sets it with --env-file")
    if not _PART.fullmatch(value):
        raise SettingsError(f"{name} is {value!r}, which is not an id: use letters, digits, dashes and dots")
    return value


def missing_secrets(payload: Payload, backend: Backend) -> list[str]:
    """Return the variables of the secrets that a job with this payload needs and `backend` does not have."""
    return [
        row.variable
        for row in backend.service.secrets
        if row.variable not in backend.secrets
        and any(look_up(payload, place) is not ABSENT for place in row.when)
    ]


def sealed(payload: Payload, backend: Backend) -> Payload:
    """Return `payload` with the secrets that a job needs. It must not be recorded or shown."""
    for row in backend.service.secrets:
        if row.variable in backend.secrets and any(look_up(payload, at) is not ABSENT for at in row.when):
            payload = placed(payload, row.to, backend.secrets[row.variable].secret)
    return payload


def placed(payload: Payload, at: tuple[str, ...], value: Any) -> Payload:
    """Return `payload` with `value` at a place of it; objects that are missing on the way are added."""
    name, *inner = at
    return {**payload, name: placed(payload.get(name, {}), tuple(inner), value) if inner else value}

"""The wire type: a payload's canonical bytes and its digest (contract, section 3)."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import orjson

Payload = dict[str, Any]
Format = Literal["pretty", "compact", "jcs"]


def _pretty(payload: Payload) -> bytes:
    option = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(payload, option=option)


def _compact(payload: Payload) -> bytes:
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _jcs(payload: Payload) -> bytes:
    import rfc8785

    return rfc8785.dumps(payload)


FORMATS: Final[Mapping[str, Callable[[Payload], bytes]]] = {
    "pretty": _pretty,
    "compact": _compact,
    "jcs": _jcs,
}


def to_bytes(payload: Payload, format: Format = "pretty") -> bytes:
    """Return the canonical UTF-8 bytes of `payload`.

    `pretty` is the default form: keys sorted by code point, two spaces of indent, a
    newline at the end. `compact` is the same on one line, newline included. `jcs` is
    RFC 8785 to the byte, without a newline.

    Raises:
        rfc8785.IntegerDomainError: in `jcs`, for an integer beyond 2^53.
    """
    return FORMATS[format](payload)


def digest(payload: Payload) -> str:
    """Return `sha256:` and the hexadecimal SHA-256 of the RFC 8785 form of `payload`.

    Raises:
        rfc8785.IntegerDomainError: for an integer beyond 2^53.
    """
    from hashlib import sha256

    return f"sha256:{sha256(to_bytes(payload, 'jcs')).hexdigest()}"

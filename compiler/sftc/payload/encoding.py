"""A payload's canonical bytes and its digest; `docs/explanation/contract.md` describes the forms."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import orjson

Payload = dict[str, Any]
Format = Literal["pretty", "compact", "jcs", "yaml"]


_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def _pretty(payload: Payload) -> bytes:
    return orjson.dumps(_fixed(payload), option=_CANONICAL | orjson.OPT_INDENT_2)


def _compact(payload: Payload) -> bytes:
    return orjson.dumps(_fixed(payload), option=_CANONICAL)


def _fixed(value: Any) -> Any:
    """Return `value` with each float as text: orjson writes `1e16` one way before 3.12, another since."""
    if isinstance(value, float):
        return orjson.Fragment(number(value))
    if isinstance(value, dict):
        return {name: _fixed(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_fixed(child) for child in value]
    return value


def number(value: float) -> str:
    """Return the JSON number of a finite float: the fewest digits that read back as `value`.

    From 1e-5 up to, but not including, 1e16 it has no exponent, as in `0.00002` or `1.0`;
    otherwise the exponent has no plus sign and no leading zeros, as in `5e-6` or `1e16`.
    """
    mantissa, _, power = repr(value).partition("e")
    if not power:
        return mantissa
    if int(power) == -5:  # from here repr writes exponents
        sign, digits = ("-" if value < 0 else ""), mantissa.lstrip("-").replace(".", "")
        return f"{sign}0.0000{digits}"
    return f"{mantissa}e{int(power)}"


def _jcs(payload: Payload) -> bytes:
    import rfc8785

    return rfc8785.dumps(payload)


def _yaml(payload: Payload) -> bytes:
    from sftc.payload.yaml import to_yaml

    return to_yaml(payload).encode()


FORMATS: Final[Mapping[Format, Callable[[Payload], bytes]]] = {
    "pretty": _pretty,
    "compact": _compact,
    "jcs": _jcs,
    "yaml": _yaml,
}

FORMS: Final[Mapping[str, tuple[Format, ...]]] = {"json": ("pretty", "compact", "jcs"), "yaml": ("yaml",)}
"""The formats of a file by its form, the default one first.

JSON is not a format of YAML files: readers of YAML 1.1 take a number like `5e-6` for a string.
"""


def to_bytes(payload: Payload, format: Format = "pretty") -> bytes:
    """Return the canonical UTF-8 bytes of `payload`.

    `pretty` is the default form: keys sorted by code point, two spaces of indent, a
    newline at the end. `compact` is the same on one line, newline included. `jcs` is
    RFC 8785 to the byte, without a newline. `yaml` is described in `sftc.payload.yaml`.

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

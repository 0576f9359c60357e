"""Strings that are a number or a boolean but for their quotes."""

import re
from typing import Final

_STARTS: Final = frozenset("0123456789+-.tfTF")
"""How numbers and booleans begin."""

_NUMBER: Final = re.compile(
    r"[+-]?(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9](?:_?[0-9])*)?(?:[eE][+-]?[0-9](?:_?[0-9])*)?"
)
"""An integer or a float, as TOML writes it."""


def without_quotes(text: str) -> tuple[str, str] | None:
    """Return the kind of value that `text` would be without its quotes, and that value as TOML writes it.

    A comma in a number is taken for a decimal point. `None` if it is neither a number nor a boolean.
    """
    word = text.strip()
    if word[:1] not in _STARTS:
        return None
    if word.lower() in {"true", "false"}:
        return "boolean", word.lower()
    plain = word.replace(",", ".") if word.count(",") == 1 and "." not in word else word
    return ("number", plain) if _NUMBER.fullmatch(plain) else None


def unquoted_advice(written: str, meant: str) -> str:
    """Return what to write instead of a string, which a flag may have without quotes.

    >>> unquoted_advice('"True"', "true"), unquoted_advice("True", "true")
    ('remove the quotes: `true`', 'write `true`')
    """
    return f"remove the quotes: `{meant}`" if written[:1] in {'"', "'"} else f"write `{meant}`"

"""Recognises messages that are written in another format. `convert/row_formats.py` recognises rows."""

from typing import Any, Final, NamedTuple


class OtherFormat(NamedTuple):
    """A format of messages.

    Attributes:
        title: what people call it.
        names: the names that a message of it has, in lower case.
    """

    title: str
    names: frozenset[str]


def _format(title: str, *names: str) -> OtherFormat:
    return OtherFormat(title, frozenset(names))


_SHAREGPT: Final = "ShareGPT"
_FORMATS: Final = (
    _format(_SHAREGPT, "from", "value"),
    _format("Gemini", "role", "parts"),
    _format("messages with other keys", "role", "text"),
    _format("messages with other keys", "role", "value"),
    _format("messages with other keys", "from", "content"),
    _format("messages with other keys", "author", "content"),
    _format("messages with other keys", "speaker", "text"),
    _format("messages with roles as keys", "user"),
    _format("messages with roles as keys", "assistant"),
)
"""The formats, in the order in which they are tried."""


def format_of_message(value: Any) -> OtherFormat | None:
    """Return the first format whose names are all in the object `value`, in any letter case."""
    names = {name.lower() for name in value} if isinstance(value, dict) else set()
    return next((each for each in _FORMATS if each.names <= names), None)

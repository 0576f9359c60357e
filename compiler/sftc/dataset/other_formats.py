"""Recognises rows that are written in another format."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple


class OtherFormat(NamedTuple):
    """A format of rows.

    Attributes:
        title: what people call it.
        names: the names that a row of it has, in lower case.
    """

    title: str
    names: frozenset[str]


def _format(title: str, *names: str) -> OtherFormat:
    return OtherFormat(title, frozenset(names))


_SHAREGPT: Final = "ShareGPT"
_PAIRS: Final = "a prompt and its completion"

ROWS: Final = (
    _format(_SHAREGPT, "conversations"),
    _format(_SHAREGPT, "conversation"),
    _format("a dialogue", "dialogue"),
    _format("preferences", "chosen"),
    _format("Gemini", "contents"),
    _format("a batch request", "body"),
    _format("Alpaca", "instruction", "output"),
    _format(_PAIRS, "instruction", "response"),
    _format(_PAIRS, "prompt", "completion"),
    _format(_PAIRS, "prompt", "response"),
    _format("a question and its answer", "question", "answer"),
    _format("an input and its output", "input", "output"),
    _format("messages under another name", "messages"),
)
"""The columns of rows. The first format whose names a row has counts."""

MESSAGES: Final = (
    _format(_SHAREGPT, "from", "value"),
    _format("Gemini", "role", "parts"),
    _format("messages with other keys", "role", "text"),
    _format("messages with other keys", "role", "value"),
    _format("messages with other keys", "author", "content"),
    _format("messages with other keys", "speaker", "text"),
    _format("messages with roles as keys", "user"),
    _format("messages with roles as keys", "assistant"),
)
"""The names in messages."""


def other_format(value: Any, formats: Collection[OtherFormat]) -> OtherFormat | None:
    """Return the first of `formats` whose names are all in the object `value`, in any letter case."""
    names = {name.lower() for name in value} if isinstance(value, dict) else set()
    return next((each for each in formats if each.names <= names), None)

"""The values of a row: text that is JSON, JSON as text, and what a person calls a value."""

import json
from contextlib import suppress
from typing import Any

from sftc.dataset.convert.python_literal import NotLiteralError, python_literal
from sftc.dataset.convert.records import RepeatedNameError, exact


class UnconvertibleRowError(Exception):
    """A row cannot be converted. The message gives the reason."""


def parsed_value(text: str, name: str) -> Any:
    """Return the value that is written in `text` as JSON, or as Python writes lists.

    Raises:
        UnconvertibleRowError: it is neither.
    """
    try:
        return exact(text)
    except RepeatedNameError as error:
        raise UnconvertibleRowError(
            f"{name} is text, in which `{error}` occurs twice in an object"
        ) from error
    except ValueError:
        with suppress(NotLiteralError):
            return python_literal(text)
    raise UnconvertibleRowError(f"{name} is text, and not JSON: `{text[:40]}`")


def written_value(value: Any) -> str:
    """Return a value as JSON text."""
    return json.dumps(value, ensure_ascii=False)


def value_kind(value: Any) -> str:
    """Return what a person calls the kind of a value."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null" if value is None else type(value).__name__)

"""What the page needs of orjson, in Python: its build for browsers is on no registry."""

import json
import re
from typing import Any, NamedTuple

JSONDecodeError = json.JSONDecodeError
OPT_APPEND_NEWLINE, OPT_INDENT_2, OPT_NON_STR_KEYS, OPT_SORT_KEYS = 1, 2, 4, 8
OPT_PASSTHROUGH_DATETIME = OPT_PASSTHROUGH_SUBCLASS = OPT_PASSTHROUGH_DATACLASS = OPT_STRICT_INTEGER = 0


class Fragment(NamedTuple):
    """A part of JSON that is already text."""

    text: str


def _marked(value: Any) -> Any:
    if isinstance(value, Fragment):
        return f"<fragment>{value.text}</fragment>"
    if isinstance(value, dict):
        return {name: _marked(child) for name, child in value.items()}
    return [*map(_marked, value)] if isinstance(value, list | tuple) else value


def loads(data: Any) -> Any:
    """Return the value of JSON text."""
    return json.loads(data)


def dumps(value: Any, default: Any = None, option: int | None = 0) -> bytes:
    """Return a value as JSON."""
    option = option or 0
    indent = 2 if option & OPT_INDENT_2 else None
    separators = (",", ": " if indent else ":")
    text = json.dumps(
        _marked(value),
        default=default,
        indent=indent,
        separators=separators,
        ensure_ascii=False,
        sort_keys=bool(option & OPT_SORT_KEYS),
    )
    text = re.sub('"<fragment>(.*?)</fragment>"', r"\1", text)
    return (text + "\n" * bool(option & OPT_APPEND_NEWLINE)).encode()

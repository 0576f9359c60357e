"""Paths into TOML values, and JSON pointers into the payload."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import orjson

Part = str | int
Path = tuple[Part, ...]


class Absent:
    """The type of `ABSENT`, which means 'no such key'; TOML has no null that could mean it."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

MAX_DEPTH: Final = 64
"""The most parts of a path: the deepest nesting of a config."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def look_up(values: Any, path: Path) -> Any:
    """Return the value at `path` of parsed TOML, or `ABSENT` if a key of it is missing."""
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return values


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every leaf of `value`: anything but a table or list that is not empty."""
    if not value or not isinstance(value, dict | list):
        yield path
        return
    for part, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(child, (*path, part))


@cache
def split(dotted: str) -> tuple[str, ...]:
    """Return the path that a dotted key of bare parts names: `"a.b"` is `("a", "b")`."""
    return tuple(dotted.split("."))


def key(name: str) -> str:
    """Return `name` as a TOML key: bare if TOML allows it, else quoted and escaped."""
    return name if _BARE.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """Return `text` as a TOML string on one line."""
    return orjson.dumps(text).decode().replace("\x7f", "\\u007F")


def dotted(path: Iterable[Part]) -> str:
    """Return `path` as a person writes it in TOML: `a."b c"[0].d`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{key(part)}" if text else key(part)
    return text


def pointer(path: Iterable[Part]) -> str:
    """Return `path` as a JSON pointer (RFC 6901): `/a/b~1c/0`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def parse_pointer(text: str) -> tuple[str, ...]:
    """Return the object keys that a JSON pointer names; `""` is the whole document."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])

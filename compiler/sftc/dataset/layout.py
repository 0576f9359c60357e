"""Passes plain rows in bulk, if the faster code of `skeletons.py` could not be compiled.

Most rows of most files are plain: each message has a role and a text that shows something, user and
assistant take turns after at most one system message, and all other columns are scalars. For a known
order of keys (the layout), plain rows are a regular language. One pass of an automaton accepts a row
only if it is valid UTF-8 and JSON, and has no repeated name, unpaired surrogate, NUL or blank message.

A row that the automaton does not accept may still be correct: `examine_row` decides. Property tests
compare the two.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import orjson
import re2
from stringzilla import Str, find, hash

from sftc.dataset.advice import SIGNS
from sftc.dataset.chunks import SPACE
from sftc.dataset.json_characters import BLANK, VISIBLE
from sftc.dataset.sieve import Examine, each_line

_OTHERS: Final = frozenset({"tools", "tool_choice", "metadata"})
"""Columns that are not scalars. A row that has one is not plain."""

_MOST_KEYS: Final = 50
_LONGEST: Final = 100
"""Limits that keep the automaton small: keys in a row, and characters in a key."""

_NAME: Final = re.compile(rf'[^"\\\x00-\x1f]{{0,{_LONGEST}}}')
"""A key that needs no escapes in JSON."""

_STRING: Final = rf'"(?:{VISIBLE}|{BLANK})*"'
_TEXT: Final = rf'"(?:{BLANK})*(?:{VISIBLE})(?:{VISIBLE}|{BLANK})*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_SCALAR: Final = f"(?:{_STRING}|{_NUMBER}|true|false|null)"
_ROLES: Final = ("system|developer", "user", "assistant")


class Layout:
    """The order of the keys of a row (`keys`) and of each message (`message`)."""

    def __init__(self, keys: tuple[str, ...], message: tuple[str, ...]) -> None:
        system, user, assistant = (
            _object((key, f'"(?:{role})"' if key == "role" else _TEXT) for key in message) for role in _ROLES
        )
        talk = rf"\[(?:{system}, ?)?(?:{user}, ?{assistant}, ?)*{user}, ?{assistant}\]"
        row = _object((key, talk if key == "messages" else _SCALAR) for key in keys)
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # match bytes, not characters
        options.never_capture = True
        options.log_errors = False
        self._rows = re2.compile(rf"(?:{row}\r?\n)*".encode(), options)

    def doubtful(self, data: bytes) -> list[int]:
        """Return the indices of the lines of `data` that are not plain. `data` must end in a line break."""
        places = [at for sign in SIGNS for at in _hits(data, sign)]
        at = self._rows.match(data).end()
        while at < len(data):
            places.append(at)
            at = self._rows.match(data, data.index(b"\n", at) + 1).end()
        return _lines(data, sorted(places))


class Layouts:
    """A sieve that knows one layout at a time."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._layout: Layout | None = None

    def sift(self, data: bytes, lines: int, examine: Examine) -> "array[int]":
        """Call `examine` for the lines that it must look at, and return a digest of each line."""
        unix = data.replace(b"\r\n", b"\n") if find(data, b"\r") >= 0 else data
        digests = array("Q", map(hash, Str(unix).split("\n")))[:lines]
        doubtful = {*self._doubtful(data, lines)}
        if len(data) > self._longest:
            doubtful.update(at for at, line in enumerate(Str(data).split("\n")) if len(line) > self._longest)
        for at, start, line in each_line(data) if doubtful else ():
            if at in doubtful:
                examine(at, start, line)
                digests[at] = hash(line.lstrip(SPACE))
        return digests

    def _doubtful(self, data: bytes, lines: int) -> Iterable[int]:
        doubtful: list[int] | range = range(lines)
        if self._layout:
            doubtful = self._layout.doubtful(data)
        if len(doubtful) * 2 > lines:  # another layout may fit better
            other = learn(data.split(b"\n", doubtful[0] + 1)[doubtful[0]])
            if other and other is not self._layout:
                self._layout, doubtful = other, other.doubtful(data)
        return doubtful


def _object(fields: Iterable[tuple[str, str]]) -> str:
    return r"\{" + ", ?".join(f'"{re2.escape(key)}": ?{value}' for key, value in fields) + r"\}"


def _hits(data: bytes, sign: bytes) -> Iterator[int]:
    """Yield the offsets of `sign` in `data`."""
    at = find(data, sign)
    while at >= 0:
        yield at
        at = find(data, sign, at + 1)


def _lines(data: bytes, places: list[int]) -> list[int]:
    """Return the indices of the lines of `data` that contain the offsets `places`, in ascending order."""
    found: list[int] = []
    line = before = 0
    for at in places:
        line += data.count(b"\n", before, at)
        before = at
        if not found or found[-1] < line:
            found.append(line)
    return found


def learn(line: bytes) -> Layout | None:
    """Return the layout of the row on `line`, or `None` if no row like it can be plain."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return None
    talk = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(talk, list) or not talk or not isinstance(talk[0], dict):
        return None
    if (
        {*talk[0]} != {"role", "content"}
        or len(row) > _MOST_KEYS
        or not _OTHERS.isdisjoint(row)
        or not all(map(_NAME.fullmatch, row))
    ):
        return None
    return _layout(tuple(row), tuple(talk[0]))


@lru_cache(maxsize=16)
def _layout(keys: tuple[str, ...], message: tuple[str, ...]) -> Layout:
    return Layout(keys, message)

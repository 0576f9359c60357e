"""Accepts plain rows, which certainly have no findings, in bulk and fast.

Most rows of most files are plain: each message has a role and a text, the last message is from the
assistant, and all other columns are scalars. For a known order of keys (the layout), plain rows are
a regular language. One pass of an automaton accepts a row only if it is valid UTF-8 and JSON, and
has no repeated name, unpaired surrogate, NUL or blank answer.

A row that the automaton does not accept may still be correct: `examine_row` decides. Property tests
compare the two.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import orjson
import re2
from stringzilla import find

from sftc.dataset.advice import SIGNS

_OTHERS: Final = frozenset({"tools", "tool_choice", "metadata"})
"""Columns that are not scalars. A row that has one is not plain."""

_MOST_KEYS: Final = 50
_LONGEST: Final = 100
"""Limits that keep the automaton small: keys in a row, and characters in a key."""

_NAME: Final = re.compile(rf'[^"\\\x00-\x1f]{{0,{_LONGEST}}}')
"""A key that needs no escapes in JSON."""

_HEX: Final = "[0-9a-fA-F]"
_TAIL: Final = r"[\x80-\xbf]"
_VISIBLE: Final = "|".join(
    (
        r"[!#-\x5b\x5d-\x7f]",
        r'\\["\\/b]',
        rf"\\u(?:0[1-9a-fA-F]|3[1-9a-fA-F]|[124-9a-cA-CeEfF]{_HEX}|[dD][0-7]){_HEX}{{2}}",
        rf"\\u30(?:[1-9a-fA-F]{_HEX}|0[1-9a-fA-F])",
        rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}",
        rf"\xc2[\x80-\x9f\xa1-\xbf]|[\xc3-\xdf]{_TAIL}",
        rf"\xe0[\xa0-\xbf]{_TAIL}|[\xe1\xe2\xe4-\xec\xee\xef]{_TAIL}{{2}}|\xed[\x80-\x9f]{_TAIL}",
        rf"\xe3\x80[\x81-\xbf]|\xe3[\x81-\xbf]{_TAIL}",
        rf"\xf0[\x90-\xbf]{_TAIL}{{2}}|[\xf1-\xf3]{_TAIL}{{3}}|\xf4[\x80-\x8f]{_TAIL}{{2}}",
    )
)
"""A character outside `advice.BLANKS`, written as JSON in UTF-8."""

_OTHER: Final = rf"[ ]|\\[nrtf]|\xc2\xa0|\xe3\x80\x80|\\u3000|\\u00(?:[189a-fA-F]{_HEX}|0[1-9a-fA-F])"
"""A character that may be in `BLANKS`. NUL and most escaped ASCII, which can hide a sign, match neither."""

_STRING: Final = rf'"(?:{_VISIBLE}|{_OTHER})*"'
_TEXT: Final = rf'"(?:{_OTHER})*(?:{_VISIBLE})(?:{_VISIBLE}|{_OTHER})*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_SCALAR: Final = f"(?:{_STRING}|{_NUMBER}|true|false|null)"
_ASKS: Final = {"role": '"(?:system|developer|user)"', "content": _STRING}
_ANSWERS: Final = {"role": '"assistant"', "content": _TEXT}


class Layout:
    """The order of the keys of a row (`keys`) and of each message (`message`)."""

    def __init__(self, keys: tuple[str, ...], message: tuple[str, ...]) -> None:
        asks, answers = (_object((key, kinds[key]) for key in message) for kinds in (_ASKS, _ANSWERS))
        talk = rf"\[(?:(?:{asks}|{answers}), ?)*{answers}\]"
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

"""Recognises by its first bytes a text that is in another encoding than UTF-8."""

import re
from typing import Final, NamedTuple

_ENCODINGS: Final = (
    ("CP1252", "Windows-1252", rb"[\x80\x82-\x8c\x8e\x91-\x9c\x9e-\xff]"),
    ("CP949", "EUC-KR", rb"(?:[\xa1-\xa3\xb0-\xc8][\xa1-\xfe])+"),
    ("GB18030", "GB18030", rb"(?:[\xa1-\xa3\xb0-\xf7][\xa1-\xfe])+"),
    ("CP1251", "Windows-1251", rb"[\xa8\xab\xc0-\xff]{0,2}[\xb8\xe0-\xff]*\xbb?"),
)
"""Encodings by the names that `iconv` and Python have for them, how messages call them, and what is between
the ASCII of most of their texts. The first that fits counts: for Windows-1252, single letters with accents.
"""

_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]+")
_FIT: Final = 0.9
"""The share of what is between the ASCII that must fit an encoding."""

_LEAST: Final = 5
"""With fewer lines that are not UTF-8, they may be the only ones."""

_AROUND: Final = 20


class OtherEncoding(NamedTuple):
    """What is known about a text that is not in UTF-8.

    Attributes:
        name: the encoding that it is probably in, by its name for `iconv`; empty if it may be any.
        title: how messages call it.
        line: the number of the first line that is not UTF-8.
        sample: a part of that line in the probable encoding.
    """

    name: str = ""
    title: str = ""
    line: int = 0
    sample: str = ""


def other_encoding(text: bytes) -> OtherEncoding | None:
    """Return what encoding whole lines are in, `None` if it may be UTF-8 with a few broken lines.

    It is another one if no line with other characters than ASCII is UTF-8, nor are most of these characters.
    """
    lines = {number: line for number, line in enumerate(text.split(b"\n"), 1) if not line.isascii()}
    if len(lines) < _LEAST or any(map(_is_utf8, lines.values())):
        return None
    data = b"\n".join(lines.values())
    others = [char for char in data.decode("utf-8", "surrogateescape") if char > "\x7f"]
    if sum("\udc80" <= char <= "\udcff" for char in others) * 2 < len(others):
        return None
    runs = _NOT_ASCII.findall(data)
    for name, title, pattern in _ENCODINGS:
        if sum(re.fullmatch(pattern, run) is not None for run in runs) < _FIT * len(runs):
            continue
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        number, line = next(iter(lines.items()))
        first = next(_NOT_ASCII.finditer(line)).start()
        before, after = line[:first].decode(), line[first:].decode(name)
        return OtherEncoding(name, title, number, before[-_AROUND:] + after[:_AROUND])
    return OtherEncoding()


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True

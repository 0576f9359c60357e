"""How the rows of a file are written, and a quick yes for those that are beyond doubt.

Most rows of most files are plain: each message has a role and a text, and next to
`messages` there are only scalars. Such rows are decoded in bulk, texts left as they are, and
written again in the layout of the file's first row. Where that gives the same bytes, the
row has these keys and no others, once each, in UTF-8 and valid JSON; what is left to ask
can be searched for in the bytes. A row that differs is not wrong: `examine` says what it is.
Property tests hold the two against each other.
"""

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import compress
from operator import attrgetter, not_
from typing import Annotated, Any, Final, Literal

import msgspec
import orjson
from stringzilla import count, find

Scalar = str | int | float | bool | None
Role = Literal["system", "developer", "user", "assistant"]

_OTHERS: Final = frozenset({"tools", "tool_choice", "metadata"})
"""Keys of a row that have a form of their own."""

_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
"""A key that is written as it is."""

_PIECE: Final = 1 << 16
"""Bytes whose text stays in the processor's cache."""

_SPACE: Final = rb'(?:[ ]|\\[nrtf]|\\u[0-9a-fA-F]{4}|\xc2\xa0|\xe3\x80\x80)*+"'
_SPACE_BEGINS: Final = (b'"', b" ", b"\\", b"\xc2\xa0", b"\xe3\x80\x80")

_TAGS: Final = (b"<|", b"</s>", b"<s>", b"SYS>>", b"_of_turn>", b"<bos>", b"<eos>", b"<\xef", b"<\\")
_SIGNS: Final = (
    (b"INST]", rb""),
    (b"\\u00", rb"(?<![^\\]\\)\\u00(?:00|[2-7])"),  # any of the others may be written so, and NUL
)
"""What `chat` may have something to say of: a sign, and what it must be the beginning of."""

_ANY: Final = re.compile(b"")


class Layout:
    """The layout of a row: the order of its keys and of those of a message, the space between them."""

    def __init__(self, keys: tuple[str, ...], message: tuple[str, ...], *, spaced: bool) -> None:
        kinds: dict[str, Any] = {"role": Role, "content": msgspec.Raw}
        one: Any = msgspec.defstruct("Message", [(name, kinds[name]) for name in message], gc=False)
        fields = [
            (f"f{at}", Annotated[list[one], msgspec.Meta(min_length=1)] if key == "messages" else Scalar)
            for at, key in enumerate(keys)
        ]
        names = {f"f{at}": key for at, key in enumerate(keys)}
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=names, gc=False))
        self._encoder = msgspec.json.Encoder()
        self._messages = attrgetter(f"f{keys.index('messages')}")
        self._spaced = spaced
        self._mixed = False
        self._content = b'"content": ' if spaced else b'"content":'
        blank = re.escape(self._content) + b'"' + _SPACE
        signs = [*_SIGNS, *((self._content + b'"' + begin, blank) for begin in _SPACE_BEGINS)]
        self._signs = [(sign, re.compile(pattern)) for sign, pattern in signs]

    def doubtful(self, data: bytes) -> list[int]:
        """Return the indices of the lines of `data`, which ends in a line break, that are not plain."""
        if not is_utf8(data):
            return [*range(data.count(b"\n"))]
        if self._mixed:
            return self._one_by_one(data)
        try:
            rows = self._decoder.decode_lines(data)
            if self._same(rows, data):
                return self._searched(data, rows)
        except (msgspec.MsgspecError, RecursionError):
            pass
        return self._one_by_one(data)

    def _same(self, rows: list[Any], data: bytes) -> bool:
        """Whether the rows, written one a line, are `data`."""
        if count(data, b"\n") != len(rows):
            return False
        if not self._spaced:
            return self._encoder.encode_lines(rows) == data
        written = msgspec.json.format(self._encoder.encode(rows), indent=0)
        return written[1:-1] == data[:-1].replace(b"\n", b", ")

    def _one_by_one(self, data: bytes) -> list[int]:
        doubtful, plain, rows, numbers = [], [], [], []
        for number, line in enumerate(data.split(b"\n")[:-1]):
            try:
                rows.append(self._decoder.decode(line))
            except (msgspec.MsgspecError, RecursionError):
                doubtful.append(number)
            else:
                plain.append(line + b"\n")
                numbers.append(number)
        self._mixed = bool(doubtful)  # and most likely in the next chunk, too
        if not self._same(rows, b"".join(plain)):
            same = [self._same([row], line) for row, line in zip(rows, plain, strict=True)]
            doubtful += compress(numbers, map(not_, same))
            plain, rows = [*compress(plain, same)], [*compress(rows, same)]
            numbers = [*compress(numbers, same)]
        return sorted([*doubtful, *(numbers[at] for at in self._searched(b"".join(plain), rows))])

    def _searched(self, data: bytes, rows: list[Any]) -> list[int]:
        """Return which of the rows in `data`, all written in this layout, may hold what is to be told."""
        talks = [*map(self._messages, rows)]
        last = [talk[-1].role for talk in talks]
        found = set()
        if last.count("assistant") < len(last):
            found |= {at for at, role in enumerate(last) if role != "assistant"}
        text = self._content + b'"'
        if count(data, self._content) > count(data, text):  # not all content is text
            lines = enumerate(data.split(b"\n"))
            found |= {at for at, line in lines if line.count(self._content) > line.count(text)}
        hits = [at for sign, pattern in self._signs for at in _hits(data, sign, pattern)]
        if find(data, b"<") >= 0:
            hits += [at for tag in _TAGS for at in _hits(data, tag, _ANY)]
        return sorted(found | _lines(data, sorted(hits)))


def _hits(data: bytes, sign: bytes, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Yield where `pattern`, which begins with `sign`, is found in `data`."""
    at = find(data, sign)
    while at >= 0:
        if pattern.match(data, at):
            yield at
        at = find(data, sign, at + 1)


def _lines(data: bytes, places: list[int]) -> set[int]:
    """Return the indices of the lines of `data` on which `places`, which rise, are."""
    found, line, before = set(), 0, 0
    for at in places:
        line += data.count(b"\n", before, at)
        before = at
        found.add(line)
    return found


def is_utf8(data: bytes) -> bool:
    """Whether `data` is UTF-8, told without keeping its text."""
    if data.isascii():
        return True
    view, at = memoryview(data), 0
    try:
        while at < len(data):
            end = at + _PIECE
            at += codecs.utf_8_decode(view[at:end], "strict", end >= len(data))[1]
    except UnicodeDecodeError:
        return False
    return True


def learn(line: bytes) -> Layout | None:
    """Return the layout of the row on `line`, `None` where no such row can be plain."""
    try:
        row = orjson.loads(line)
        written = orjson.dumps(row)
    except (ValueError, TypeError):
        return None
    talk = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(talk, list) or not talk or not isinstance(talk[0], dict):
        return None
    if (
        {*talk[0]} != {"role", "content"}
        or not _OTHERS.isdisjoint(row)
        or not all(map(_PLAIN.fullmatch, row))
    ):
        return None
    spaced = written != line.strip()
    return _layout(tuple(row), tuple(talk[0]), spaced=spaced)


@lru_cache(maxsize=16)
def _layout(keys: tuple[str, ...], message: tuple[str, ...], *, spaced: bool) -> Layout:
    return Layout(keys, message, spaced=spaced)

"""Rows as they are read, before they are converted: JSON Lines and JSON in any other layout."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, Final, NamedTuple

import orjson

from sftc.dataset.chunks import MAX_ROW
from sftc.dataset.examine_row import remarks
from sftc.findings.stage_rules import rows

_PIECE: Final = 1 << 18
_SPACE: Final = re.compile(rb"[ \t\r\n,]*+")
_PLAIN: Final = re.compile(rb'(?:[^"\[\]{}\\]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
"""The text up to the next bracket. Strings are skipped."""
_SCALAR: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^\s,\]]++', re.DOTALL)
_LONG_NUMBER: Final = re.compile(rb"\d{19}")
_SYNTAX: Final = {
    rule.id
    for rule in (
        rows.ROW_NOT_UTF8,
        rows.ROW_NOT_JSON,
        rows.LONE_SURROGATE,
        rows.ROW_TOO_DEEP,
        rows.DUPLICATE_NAME,
    )
}
_AUTHORS: Final = ("role", "from", "author", "speaker")


class RowRecord(NamedTuple):
    """A row as it is in its file.

    Attributes:
        number: the number of the row, counted from 1.
        line: the line on which it begins, or 0 if the file has no lines.
        value: the row; `None` if it cannot be read.
        fault: why it cannot be read.
        is_table: whether it comes from a table with types, which fills structures with nulls.
    """

    number: int
    line: int
    value: Any
    fault: str | None = None
    is_table: bool = False


def json_lines(stream: IO[bytes]) -> Iterator[RowRecord]:
    """Yield the rows of JSON Lines. A line may have several values one after the other."""
    line = number = 0
    while data := stream.readline(MAX_ROW + 1):
        line += 1
        if len(data) > MAX_ROW:
            while not data.endswith(b"\n") and (data := stream.readline(MAX_ROW)):
                pass
            number += 1
            yield RowRecord(number, line, None, "the row is larger than 64 MiB")
        elif data.strip(b" \t\r\n"):
            for record in _line(data, line):
                number += 1
                yield record._replace(number=number)


def _line(data: bytes, line: int) -> list[RowRecord]:
    first = _record(data, 1, line)
    if first.fault and data.count(b"}") > 1:
        import io

        several = [*json_values(io.BytesIO(data))]
        if len(several) > 1 and not any(each.fault for each in several):
            return [each._replace(line=line) for each in several]
    return [first]


def _record(data: bytes, number: int, line: int) -> RowRecord:
    """Return the record of a JSON value. Nothing in it is changed or dropped silently."""
    try:
        value = orjson.loads(data)
    except ValueError:
        found = [each for each in remarks(data) if each.rule.id in _SYNTAX]
        if found:
            at = data[: found[0].at[0]].count(b"\n") if found[0].at else 0
            return RowRecord(number, line + at, None, found[0].message)
        return RowRecord(number, line, None, "the row has a number beyond the range of JSON readers")
    is_same = False
    with suppress(TypeError):  # the row is nested too deep to be written
        is_same = _squeezed(orjson.dumps(value)) == _squeezed(data.strip())
    if not is_same:
        names: list[str] = []
        with suppress(RecursionError, ValueError):
            value = json.loads(data, object_pairs_hook=lambda pairs: _object(pairs, names))
        if names:
            return RowRecord(number, line, None, f"`{names[0][:40]}` occurs twice in an object")
    return RowRecord(number, line, value)


def _squeezed(data: bytes) -> bytes:
    return data.replace(b": ", b":").replace(b", ", b",")


def _object(pairs: list[tuple[str, Any]], repeated: list[str]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        repeated.append(next(name for name in names if names.count(name) > 1))
    return made


def json_values(stream: IO[bytes]) -> Iterator[RowRecord]:
    """Yield the rows of JSON that is one list, or values one after the other, on any number of lines."""
    return _Values(stream).records()


class _Values:
    """Cuts a stream into JSON values without parsing it. Memory is bounded by the longest value."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._data = bytearray()
        self._at = 0
        self._line = 1
        self._number = 0

    def records(self) -> Iterator[RowRecord]:
        is_list = False
        while True:
            self._skip_space()
            if self._at >= len(self._data):
                if is_list:
                    self._number += 1
                    yield RowRecord(
                        self._number, self._line, None, "the list is not closed: the file ends too early"
                    )
                return
            first = self._data[self._at]
            if first == ord("]"):
                is_list = False
                self._at += 1
            elif first == ord("[") and not is_list and not self._is_conversation():
                is_list = True
                self._at += 1
            else:
                end = self._end(self._at)
                data = bytes(self._data[self._at : end])
                self._number += 1
                yield _record(data, self._number, self._line)
                self._line += data.count(b"\n")
                self._at = end

    def _fill(self) -> bool:
        """Read more, and return whether there was any. What was cut is forgotten."""
        piece = self._stream.read(max(_PIECE, len(self._data) - self._at))
        if len(self._data) - self._at > 2 * MAX_ROW:
            from sftc.dataset.convert.unpack import UnconvertibleError

            raise UnconvertibleError(f"the value that begins on line {self._line:,} is larger than 64 MiB")
        self._data += piece
        return bool(piece)

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self._data, self._at)
            assert match  # noqa: S101  it matches the empty text
            self._line += self._data.count(b"\n", self._at, match.end())
            self._at = match.end()
            if self._at < len(self._data):
                if self._at > _PIECE:
                    del self._data[: self._at]
                    self._at = 0
                return
            del self._data[:]
            self._at = 0
            if not self._fill():
                return

    def _is_conversation(self) -> bool:
        """Return whether the list here has messages, not rows."""
        start = self._at + 1
        match = _SPACE.match(self._data, start)
        start = match.end() if match else start
        if self._data[start : start + 1] != b"{":
            return False
        end = self._end(start)
        try:
            value = orjson.loads(bytes(self._data[start:end]))
        except ValueError:
            return False
        return any(isinstance(value.get(name), str) for name in _AUTHORS) and "messages" not in value

    def _end(self, start: int) -> int:
        """Return where the value that begins at `start` ends. `_at` does not change."""
        if self._data[start] not in b"{[":
            return self._scalar_end(start)
        at, depth = start, 0
        while True:
            match = _PLAIN.match(self._data, at)
            at = match.end() if match else at
            byte = bytes(self._data[at : at + 1])
            if byte in {b"", b'"'}:
                if not self._fill():
                    return len(self._data)
                continue
            at += 1
            depth += (byte in b"{[") - (byte in b"}]")
            if not depth and byte != b"\\":
                return at

    def _scalar_end(self, start: int) -> int:
        while True:
            match = _SCALAR.match(self._data, start)
            if match and match.end() < len(self._data):
                return match.end()
            if not self._fill():
                return len(self._data)

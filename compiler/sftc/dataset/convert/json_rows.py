"""Cuts JSON in any layout into rows: one a line, one after the other, or in lists."""

import re
from collections.abc import Iterator
from typing import IO, Any, Final

import orjson

from sftc.dataset.chunks import MAX_ROW
from sftc.dataset.convert.records import RowRecord, exact
from sftc.dataset.convert.row_formats import AUTHORS
from sftc.dataset.examine_row import remarks
from sftc.dataset.file_kind import BOM
from sftc.findings.stage_rules import rows

_PIECE: Final = 1 << 18
_MARGIN: Final = 1 << 10
"""The bytes before a row that are kept. They have its indentation."""
_EXPLAINED: Final = 1 << 22
"""The size in bytes up to which a broken row is explained in detail."""
_PATIENCE: Final = 1 << 20
"""The bytes to read ahead in vain until a line that begins like a row is taken for one."""
_WORD: Final = 5
"""The length of the longest word of JSON, which the end of a piece may cut."""

_SPACE: Final = re.compile(rb"(?:[ \t\r\n,\x1e]++|\xef\xbb\xbf)*+")
"""What is between rows: space, commas, byte order marks, the separators of RFC 7464."""
_AFTER: Final = re.compile(rb"[ \t]*+(,[ \t]*+)?")
_RUN: Final = re.compile(rb'(?:[\s,:0-9.eE+-]++|"(?:[^"\\\n\r]++|\\[^\n\r])*+"|true|false|null)*+')
"""A part of a value, without brackets."""
_INSIDE: Final = re.compile(rb"(?:[^\"\\\n\r]++|\\[^\n\r])*+")
"""A part of a string."""
_OTHER: Final = re.compile(rb"[^\s,\[\]{}\"]++|[\]}]")
"""A value that is neither an object, nor a list, nor a string."""
_BREAK: Final = re.compile(rb"\r\n?|\n")
_BEGINNING: Final = re.compile(rb'\{\s*+"(?:[^"\\\n\r]++|\\[^\n\r])*+"\s*+:')
"""The beginning of an object, up to its first value."""
_INDENT: Final = re.compile(rb"[\r\n][ \t]*+\Z")
_NEXT_OBJECT: Final = re.compile(rb"[}\]]\s*+,\s*+(?=\{)")
_NEXT_VALUE: Final = re.compile(rb",\s*+(?=[{\[\"])|[\r\n]")

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


def json_rows(stream: IO[bytes]) -> Iterator[RowRecord]:
    """Yield the rows of JSON in any layout. A broken one is a record with a fault, and costs no other.

    Brackets decide where a row ends. If they do not match, the layout of the rows before decides: the
    next one begins on the next line, or as those before began. Memory is bounded by the longest row,
    and the time is linear.
    """
    return _Reader(stream).records()


class _Reader:
    """A place in a stream, and the known facts about the layout of its rows."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._data = bytearray()
        self._at = 0
        self._line = 1
        self._number = 0
        self._begun_on = 0
        """The line on which the row before began."""
        self._in_list = False
        self._has_lines: bool | None = None
        """Whether each row has a line."""
        self._has_like_lines = False
        """Whether rows have lines inside that begin as a row does."""
        self._beginning: bytes | None = None
        """The first name of the row before."""
        self._names: set[str] = set()
        self._is_beyond = False
        """Whether the row is so large that its beginning was forgotten."""
        self._in_vain = 0

    def records(self) -> Iterator[RowRecord]:
        closes = False
        while self._skip_space():
            first = self._data[self._at]
            if first == ord("]") and self._in_list:
                self._in_list = False
                self._at += 1
            elif first == ord("[") and not self._in_list and not self._is_conversation():
                self._in_list = True
                self._at += 1
            else:
                if self._has_lines is None and not self._in_list:
                    self._has_lines = True
                record = self._row()
                closes = bool(record.fault) and self._is_after_list()
                yield record
        if self._in_list and not closes:
            text = "the list is not closed: the file ends too early"
            yield RowRecord(self._number + 1, self._line, None, text)

    def _is_after_list(self) -> bool:
        """Return whether what is before ends in the bracket of a list."""
        return self._data[max(0, self._at - _MARGIN) : self._at].rstrip(b" \t\r\n,").endswith(b"]")

    def _row(self) -> RowRecord:
        """Return the row that begins here, and go to its end."""
        self._number += 1
        if record := self._whole_line():
            return record
        line, self._is_beyond = self._line, False
        end, is_whole = self._extent(self._at)
        if not (is_whole and self._is_end(end)):
            seen, end = end, self._next_row(end)
            self._in_vain += max(0, seen - end)
        data = bytes(self._data[self._at : end]).rstrip(b" \t\r\n,")
        value, fault = None, None
        if self._is_beyond or len(data) > MAX_ROW:
            fault = "the row is larger than 64 MiB"
        else:
            try:
                value = exact(data)
            except ValueError:
                fault, breaks = _explained(data)
                line += breaks
        is_shared = self._begun_on == self._line or not self._is_line_end(end)
        self._begun_on = self._line
        if fault is None:
            self._learn(data, value, is_shared=is_shared)
        self._advance(end)
        return RowRecord(self._number, 0 if is_shared else line, value, fault)

    def _whole_line(self) -> RowRecord | None:
        """Return the row that is the rest of the line, and go to its end; `None` if that is not known."""
        if self._has_lines is False or self._data[self._at] != ord("{") or self._begun_on == self._line:
            return None
        end = self._data.find(b"\n", self._at)
        if end < 0:
            return None
        data = bytes(self._data[self._at : end]).rstrip(b" \t\r,")
        if b"\r" in data:
            return None
        try:
            value = exact(data)
        except ValueError:
            return None
        if not self._names:
            self._learn(data, value, is_shared=False)
        self._begun_on = self._line
        self._at = end
        return RowRecord(self._number, self._line, value)

    def _learn(self, data: bytes, value: Any, *, is_shared: bool) -> None:
        """Keep what a row shows of the layout."""
        has_breaks = b"\n" in data or b"\r" in data
        self._has_lines = not has_breaks and not is_shared
        if prefix := self._prefix(self._at):
            self._has_like_lines |= has_breaks and prefix + data[:1] in data
        if isinstance(value, dict):
            found = _BEGINNING.match(data)
            self._beginning = found and found[0]
            self._names = {*value}

    def _fill(self) -> bool:
        """Read more, and return whether there was any."""
        piece = self._stream.read(max(_PIECE, len(self._data) - self._at))
        self._data += piece
        return bool(piece)

    def _advance(self, end: int) -> None:
        """Go to `end`, and forget most of what is before."""
        self._line += _breaks(self._data, self._at, end)
        self._at = end
        if self._at > _PIECE + _MARGIN:
            del self._data[: self._at - _MARGIN]
            self._at = _MARGIN

    def _skip_space(self) -> bool:
        """Go to the next row or bracket, and return whether there is one."""
        while True:
            match = _SPACE.match(self._data, self._at)
            self._advance(match.end() if match else self._at)
            if self._at < len(self._data) and not self._is_cut_mark():
                return True
            if not self._fill():
                return self._at < len(self._data)

    def _is_cut_mark(self) -> bool:
        """Return whether a byte order mark begins here that the end of the piece cuts."""
        return len(self._data) - self._at < len(BOM) and BOM.startswith(self._data[self._at :])

    def _prefix(self, at: int) -> bytes | None:
        """Return the line break and the indentation before `at`; `None` if the line begins otherwise."""
        before = bytes(self._data[max(0, at - _MARGIN) : at])
        if not before.strip(b" \t") and at < _MARGIN:
            return b"\n" + before  # the first line
        match = _INDENT.search(before)
        return match and match[0]

    def _is_conversation(self) -> bool:
        """Return whether the list here has messages, not rows."""
        start = self._at + 1
        while True:
            match = _SPACE.match(self._data, start)
            start = match.end() if match else start
            if start < len(self._data) or not self._fill():
                break
        if self._data[start : start + 1] != b"{":
            return False
        end, is_whole = self._extent(start)
        try:
            value = orjson.loads(bytes(self._data[start:end])) if is_whole else {}
        except ValueError:
            return False
        return any(isinstance(value.get(name), str) for name in AUTHORS) and "messages" not in value

    def _extent(self, start: int) -> tuple[int, bool]:  # noqa: C901, PLR0911, PLR0912  a line for each byte
        """Return where the value that begins at `start` ends, and `True`; or where it is broken, and `False`.

        If the value is too large, its beginning is forgotten.
        """
        if self._data[start] not in b'{["':
            return self._other(start)
        first = self._data[start]
        is_patient = self._in_vain <= _PATIENCE
        in_string = first == ord('"')
        at, closing = start + in_string, bytearray()
        while True:
            match = (_INSIDE if in_string else _RUN).match(self._data, at)
            at = match.end() if match else at
            byte = self._data[at] if at < len(self._data) else None
            if byte is None or (byte not in b'{}[]"' and len(self._data) - at < _WORD):
                if start == self._at and at - start > MAX_ROW:
                    self._is_beyond = True
                    self._advance(at)
                    start = at = self._at
                elif at - start > MAX_ROW:
                    return at, False
                if not self._fill():
                    return len(self._data), False
            elif byte == ord('"'):
                at += 1
                in_string = not in_string
                if not in_string and not closing:
                    return at, True
            elif in_string:
                return at, False
            elif byte in b"{[":
                if closing and byte == first and not is_patient and self._begins_row(at, start):
                    return at, False
                closing.append(byte + 2)  # `}` is two after `{`, and `]` after `[`
                at += 1
            elif byte in b"}]" and closing and closing[-1] == byte:
                at += 1
                closing.pop()
                if not closing:
                    return at, True
            else:
                return at, False

    def _begins_row(self, at: int, start: int) -> bool:
        """Return whether what begins at `at`, inside the row at `start`, is probably the next row.

        It is on a line of its own, with the same indentation.
        """
        prefix = self._prefix(start)
        if not prefix or not self._data.startswith(prefix, max(0, at - len(prefix))):
            return False
        found = _BEGINNING.match(self._data, start) if self._has_like_lines else None
        return not self._has_like_lines or bool(found and self._data.startswith(found[0], at))

    def _other(self, start: int) -> tuple[int, bool]:
        """Return the end of a number or a word, and whether it is one."""
        while True:
            match = _OTHER.match(self._data, start)
            end = match.end() if match else start + 1
            if end < len(self._data) or end - start > _MARGIN or not self._fill():
                break
        try:
            orjson.loads(bytes(self._data[start:end]))
        except ValueError:
            return end, False
        return end, True

    def _is_end(self, at: int) -> bool:
        """Return whether a row may end at `at`: a comma, a bracket, a line break or another row follows."""
        byte, has_comma = self._following(at)
        return has_comma or byte is None or byte in b'\r\n{["' or (byte == ord("]") and self._in_list)

    def _is_line_end(self, at: int) -> bool:
        """Return whether no row follows on the line of `at`."""
        byte, _ = self._following(at)
        return byte is None or byte in b"\r\n]" or _breaks(self._data, self._at, at) > 0

    def _following(self, at: int) -> tuple[int | None, bool]:
        """Return the first byte after `at` but spaces and a comma, if any, and whether there is a comma."""
        while True:
            match = _AFTER.match(self._data, at)
            end = match.end() if match else at
            if end < len(self._data):
                return self._data[end], bool(match and match[1])
            if not self._fill():
                return None, False

    def _next_row(self, broken: int) -> int:
        """Return where the next row begins, or the line on which it does; at worst, the end of the file.

        `broken` is where the row at hand is known to be broken.
        """
        first, prefix = self._data[self._at], self._prefix(self._at)
        if self._has_lines or (first not in b"{[" and prefix):
            return self._search(_BREAK, broken if self._is_beyond else self._at)
        if first not in b"{[":
            return self._search(_NEXT_VALUE, self._at)
        if prefix and not self._has_like_lines:
            return self._search(re.compile(re.escape(prefix) + rb"(?:,[ \t]*+)?(?=[{\[])"), self._at)
        end = self._next_like(prefix, broken) if self._in_vain <= _PATIENCE else None
        return end or self._search(_NEXT_OBJECT, broken)

    def _next_like(self, prefix: bytes | None, broken: int) -> int | None:
        """Return where the next row begins that begins as this one or the one before, if one is near."""
        found = _BEGINNING.match(self._data, self._at)
        names = {found[0] if found else None, self._beginning} - {None}
        if not names:
            return None
        before = re.escape(prefix) if prefix else rb",\s*+"
        pattern = re.compile(before + b"(?=" + b"|".join(re.escape(name) for name in names if name) + b")")
        at, most = self._at, broken - self._at + _PATIENCE
        while (end := self._find(pattern, at, most)) is not None:
            if self._is_like_row(end):
                return end
            at = end
        self._in_vain += len(self._data) - broken
        return None

    def _search(self, pattern: re.Pattern[bytes], start: int) -> int:
        """Return where the next row begins, or the line break before it; at worst, the end of the file."""
        end = self._find(pattern, start, MAX_ROW)
        return len(self._data) if end is None else end

    def _find(self, pattern: re.Pattern[bytes], start: int, most: int) -> int | None:
        """Return the end of the first match of `pattern` after `start`, or the start if it is a line break.

        Read ahead `most` bytes of the row.
        """
        while True:
            match = pattern.search(self._data, start + 1)
            if match:
                return match.start() if match[0] in {b"\n", b"\r", b"\r\n"} else match.end()
            if len(self._data) - self._at > most or not self._fill():
                return None

    def _is_like_row(self, at: int) -> bool:
        """Return whether the object at `at` is like the row before: a row, and no part of one."""
        end, is_whole = self._extent(at)
        try:
            value = orjson.loads(bytes(self._data[at:end])) if is_whole else {}
        except ValueError:
            return True
        return not value or not self._names or 2 * len(self._names & value.keys()) >= len(self._names)


def _breaks(data: bytes | bytearray, start: int, end: int) -> int:
    if data.find(b"\r", start, end) < 0:
        return data.count(b"\n", start, end)
    return sum(1 for _ in _BREAK.finditer(data, start, end))


def _explained(data: bytes) -> tuple[str, int]:
    """Return what is wrong with a broken row, and on which of its lines, counted from 0."""
    if len(data) <= _EXPLAINED:
        for found in remarks(data):
            if found.rule.id in _SYNTAX:
                before = data.decode("utf-8", "replace")[: found.at[0]] if found.at else ""
                return found.message, _breaks(before.encode(), 0, len(before.encode()))
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "number" not in error.msg:
            return f"the row is not valid JSON: {error.msg}", error.lineno - 1
    return "the row has a number beyond the range of JSON readers", 0

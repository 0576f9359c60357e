"""Rows of tables: CSV, Parquet, Arrow."""

import base64
import csv
import datetime as dt
import io
import math
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import IO, Any, Final, cast

from sftc.dataset.chunks import MAX_ROW
from sftc.dataset.convert.records import RowRecord
from sftc.dataset.convert.unpack import UnconvertibleError
from sftc.dataset.file_kind import ARROW_FILE, PARQUET, FileKind
from sftc.text.plural import counted

_DELIMITERS: Final = ",;\t|"
_BATCH: Final = 256
_FOREIGN: Final = re.compile("[\udc80-\udcff]")
"""Bytes that are not UTF-8."""


def delimiter_of(head: bytes, is_known: Callable[[str], bool]) -> str | None:
    """Return what separates the cells of the table that begins with `head`; `None` if it is not one.

    The header has a known column, or as many cells as the first row.
    """
    text = head.decode("utf-8", "replace")
    found = None
    for delimiter in _DELIMITERS:
        with suppress(csv.Error, StopIteration):
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            header = next(row for row in reader if row)
            if len(header) > 1 and any(map(is_known, header)):
                return delimiter
            if is_known(header[0]) or (len(header) > 1 and len(next(reader)) == len(header)):
                found = found or delimiter
    return found


def csv_rows(stream: IO[bytes], delimiter: str) -> Iterator[RowRecord]:
    """Yield the rows of a CSV table with a header. A broken one costs no other.

    Raises:
        UnconvertibleError: the header cannot be used.
    """
    csv.field_size_limit(MAX_ROW)
    text = io.TextIOWrapper(cast("io.BufferedReader", stream), "utf-8", "surrogateescape", newline="")
    try:
        yield from _csv_rows(_Lines(text), delimiter)
    finally:
        text.detach()  # the stream is closed where it was opened


def _csv_rows(lines: "_Lines", delimiter: str) -> Iterator[RowRecord]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if row), [])
    except csv.Error as error:
        raise UnconvertibleError(f"the header of the table cannot be read: {error}") from error
    if repeated := next((name for name in header if header.count(name) > 1), None):
        raise UnconvertibleError(f"the table has two columns `{repeated}`", "rename one of them")
    if _FOREIGN.search("".join(header)):
        raise UnconvertibleError("the header of the table is not valid UTF-8", _SAVE)
    names = [name or f"column {at}" for at, name in enumerate(header, 1)]
    number = 0
    while True:
        line = lines.begin_row()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            yield RowRecord(number, line, None, f"the quotes of the row cannot be read: {error}")
            lines.read_again()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if cells is None:
            return
        if not cells:
            continue
        number += 1
        row = {name: cell or None for name, cell in zip(names, cells, strict=False)}
        yield RowRecord(number, line, row, _fault(cells, names))


_SAVE: Final = "save the file as `CSV UTF-8`"


def _fault(cells: list[str], names: list[str]) -> str | None:
    if len(cells) != len(names):
        return f"the row has {counted(len(cells), 'cell')}, and the header {len(names)}"
    if any(map(_FOREIGN.search, cells)):
        return f"the row has bytes that are not valid UTF-8: {_SAVE}"
    return None


class _Lines:
    """The lines of a text, which can be read again from the second line of a row on."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._number = 0
        self._row: list[str] = []
        self._size = 0
        self._again: deque[str] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(MAX_ROW)
        if not line:
            raise StopIteration
        self._number += 1
        self._row.append(line)
        self._size += len(line)
        if self._size > MAX_ROW:
            raise csv.Error("the row is larger than 64 MiB")
        return line

    def begin_row(self) -> int:
        """Forget the lines of the row before, and return the number of the next one."""
        self._row.clear()
        self._size = 0
        return self._number + 1

    def read_again(self) -> None:
        """Go back to the second line of the row."""
        again = self._row[1:]
        self._again.extendleft(reversed(again))
        self._number -= len(again)


def arrow_rows(stream: IO[bytes], kind: FileKind) -> Iterator[RowRecord]:
    """Yield the rows of a Parquet file or of Arrow data, a few hundred at a time.

    Raises:
        UnconvertibleError: the file is damaged, or two columns have the same name.
        ModuleNotFoundError: pyarrow is not installed.
    """
    import pyarrow as pa

    number = 0
    try:
        for batch in _batches(stream, kind):
            names = batch.schema.names
            if repeated := next((name for name in names if names.count(name) > 1), None):
                raise UnconvertibleError(f"the table has two columns `{repeated}`", "rename one of them")
            odd = [field.name for field in batch.schema if not _is_json(field.type)]
            for start in range(0, batch.num_rows, _BATCH):
                for row in batch.slice(start, _BATCH).to_pylist():
                    number += 1
                    changed: list[tuple[str, str]] = []
                    for name in odd:
                        row[name] = _plain(row[name], name, changed)
                    yield RowRecord(number, 0, row, is_table=True, changed=tuple(changed))
    except (pa.ArrowException, OSError, EOFError, ValueError, OverflowError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UnconvertibleError(
            f"the file is {kind.title}, and it is damaged: {reason}", "copy it again"
        ) from error


def _batches(stream: IO[bytes], kind: FileKind) -> Iterator[Any]:
    import pyarrow.ipc
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)
    if kind is PARQUET:
        file = pyarrow.parquet.ParquetFile(stream, buffer_size=1 << 20, pre_buffer=False)
        return chain.from_iterable([file.iter_batches(_BATCH, use_threads=False)])
    if kind is ARROW_FILE:
        whole = pyarrow.ipc.open_file(stream)
        return (whole.get_batch(at) for at in range(whole.num_record_batches))
    return iter(pyarrow.ipc.open_stream(stream))


def _is_json(type: Any) -> bool:
    """Return whether all values of a column are values of JSON."""
    from pyarrow import types

    if types.is_struct(type):
        return all(_is_json(type.field(at).type) for at in range(type.num_fields))
    if types.is_list(type) or types.is_large_list(type) or types.is_fixed_size_list(type):
        return _is_json(type.value_type)
    is_plain = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_null)
    return any(check(type) for check in is_plain)


def _plain(value: Any, name: str, changed: list[tuple[str, str]]) -> Any:  # noqa: PLR0911  a line for each type
    """Return a value of a table as JSON has it, and add to `changed` how it is written."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dict):
        return {key: _plain(each, f"{name}.{key}", changed) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, f"{name}[]", changed) for each in value]
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        changed.append((name, "NaN and infinity are written as null"))
        return None
    if isinstance(value, bytes):
        changed.append((name, "bytes are written in base64"))
        return base64.b64encode(value).decode()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        changed.append((name, "a date is written as ISO 8601"))
        return value.isoformat()
    changed.append((name, "a value is written as text"))
    return str(value)

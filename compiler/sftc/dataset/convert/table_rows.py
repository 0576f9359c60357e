"""Rows of tables: CSV, Parquet, Arrow."""

import base64
import csv
import datetime as dt
import decimal
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import IO, Any, Final

import orjson

from sftc.dataset.chunks import MAX_ROW
from sftc.dataset.convert.records import RowRecord
from sftc.dataset.convert.unpack import UnconvertibleError
from sftc.dataset.file_kind import ARROW_FILE, PARQUET, FileKind

_DELIMITERS: Final = ",;\t|"
_BATCH: Final = 256


def delimiter_of(head: bytes) -> str | None:
    """Return what separates the cells of the table that begins with `head`; `None` if it is not one.

    The header and the first row have the same number of cells.
    """
    text = head.decode("utf-8", "replace")
    for delimiter in _DELIMITERS:
        with suppress(csv.Error, StopIteration):
            reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
            header = next(reader)
            if len(header) > 1 and len(next(reader)) == len(header):
                return delimiter
    return None


def csv_rows(stream: IO[bytes], delimiter: str) -> Iterator[RowRecord]:
    """Yield the rows of a CSV table with a header.

    Raises:
        UnconvertibleError: the header cannot be used, or the text is not UTF-8.
    """
    csv.field_size_limit(MAX_ROW)
    reader = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise UnconvertibleError(f"the header of the table cannot be read: {error}") from error
    if repeated := next((name for name in header if header.count(name) > 1), None):
        raise UnconvertibleError(f"the table has two columns `{repeated}`", "rename one of them")
    names = [name or f"column {at}" for at, name in enumerate(header, 1)]
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            yield RowRecord(number, line, None, f"the quotes of the row cannot be read: {error}")
            continue
        if cells is None:
            return
        if not cells:
            continue
        number += 1
        if len(cells) != len(names):
            yield RowRecord(
                number, line, None, f"the row has {len(cells)} cells, and the header {len(names)}"
            )
        else:
            yield RowRecord(
                number, line, {name: cell or None for name, cell in zip(names, cells, strict=True)}
            )


def _lines(stream: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            byte = line[error.start]
            text = f"byte 0x{byte:02x} in line {number:,} is not valid UTF-8"
            raise UnconvertibleError(text, "save the file as `CSV UTF-8`") from error


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
            for start in range(0, batch.num_rows, _BATCH):
                for row in batch.slice(start, _BATCH).to_pylist():
                    number += 1
                    yield RowRecord(
                        number, 0, {name: _plain(value) for name, value in row.items()}, is_table=True
                    )
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


def _plain(value: Any) -> Any:  # noqa: PLR0911  a line for each type
    """Return a value of a table as JSON has it. Dates are written as ISO 8601, bytes as base64."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | dt.timedelta):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return orjson.loads(orjson.dumps(value, default=str))

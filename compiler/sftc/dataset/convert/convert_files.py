"""Converts files: from their rows to the bytes of one file of JSON Lines, with findings and a report."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from sftc.dataset.convert.records import RowRecord, json_lines, json_values
from sftc.dataset.convert.row_formats import options
from sftc.dataset.convert.table_rows import arrow_rows, csv_rows, delimiter_of
from sftc.dataset.convert.to_messages import Notes, RowConverter, UnconvertibleRowError
from sftc.dataset.convert.unpack import UnconvertibleError, Unpacked, files_of, unpacked
from sftc.dataset.examine_row import remarks
from sftc.dataset.file_kind import ARROW_FILE, ARROW_STREAM, CSV, JSON_LIST, JSON_VALUE, PARQUET, TSV
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.findings.stage_rules import conversions
from sftc.findings.stage_rules.rows import EMPTY_DATA
from sftc.text.plural import counted
from sftc.text.source import Source

CONTAINERS: Final = ("parquet", "csv", "json")
"""The containers that `--from` can name."""

_PIECE: Final = 1 << 18
_KINDS: Final = 1000
"""The reasons that are kept. Rows with the same reason are one finding."""
_SHOWN: Final = 20
"""The ranges of lines that a finding lists."""


class ConvertOptions(NamedTuple):
    """Options of a conversion.

    Attributes:
        container: the container of all files, or `None` to detect it.
        format: the format of all rows, or `None` to detect it.
        mapped: what columns and roles become, by name.
        system: the system message of rows that have none.
        skip_bad: leave out rows that cannot be converted.
    """

    container: str | None = None
    format: str | None = None
    mapped: Mapping[str, str] = {}
    system: str | None = None
    skip_bad: bool = False


class NotConvertedError(Exception):
    """The files were not converted. The findings of the conversion say why."""


@dataclass
class _Reason:
    """Why rows cannot be converted: the first of them, and the numbers of all, as ranges."""

    line: int
    ranges: list[tuple[int, int]] = field(default_factory=list)
    number: int = 0

    def add(self, place: int) -> None:
        self.number += 1
        if self.ranges and self.ranges[-1][1] == place - 1:
            self.ranges[-1] = (self.ranges[-1][0], place)
        else:
            self.ranges.append((place, place))


@dataclass
class _FileReport:
    """What happened to the rows of one file."""

    path: str
    container: str = "JSON Lines"
    rows: int = 0
    written: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    notes: Notes = field(default_factory=Notes)
    reasons: dict[str, _Reason] = field(default_factory=dict)
    skipped: int = 0
    is_lined: bool = True


class Conversion:
    """The conversion of several files to one.

    Attributes:
        findings: what was found, complete when the bytes have been read.
    """

    def __init__(self, paths: Sequence[str], output: str, options: ConvertOptions) -> None:
        self._paths = paths
        self._output = output
        self._options = options
        self._converter = RowConverter(options.format, options.mapped, options.system)
        self._files: list[_FileReport] = []
        self.findings: list[Finding] = []

    def pieces(self) -> Iterator[bytes]:
        """Yield the rows as JSON Lines, in order, in pieces of a few hundred kilobytes.

        Raises:
            NotConvertedError: at the end, if anything cannot be converted.
            ModuleNotFoundError: an extra is not installed.
        """
        buffer = bytearray()
        for given in self._paths:
            try:
                for path in files_of(given):
                    for row in self._rows(path):
                        buffer += row
                        if len(buffer) >= _PIECE:
                            yield bytes(buffer)
                            buffer.clear()
            except UnconvertibleError as error:
                self._say(conversions.UNCONVERTIBLE_FILE, given, str(error), error.help)
        self._conclude()
        if any(found.is_error for found in self.findings):
            raise NotConvertedError
        yield bytes(buffer)

    def _rows(self, path: str) -> Iterator[bytes]:
        report = _FileReport(path)
        self._files.append(report)
        seen: set[tuple[str, ...]] = set()
        with ExitStack() as stack:
            for record in self._records(path, report, stack):
                report.rows += 1
                notes = Notes()
                try:
                    row, reading = self._converter.convert(record, notes)
                    data = _written(row)
                except UnconvertibleRowError as error:
                    self._skip(report, record, str(error))
                    continue
                except RecursionError:
                    self._skip(report, record, "the row is nested too deep")
                    continue
                report.written += 1
                report.formats[reading.title] += 1
                report.notes.add(notes)
                if (how := tuple(options(reading))) not in seen and len(seen) < _SHOWN:
                    seen.add(how)
                    self._tell_format(report, record, reading.title, how)
                yield data
        if not report.rows:
            self._say(EMPTY_DATA, path, "the file has no rows")

    def _records(self, path: str, report: _FileReport, stack: ExitStack) -> Iterator[RowRecord]:
        file = unpacked(path, stack)
        kind = file.kind
        if file.kinds:
            report.container = ", ".join(each.title for each in file.kinds)
        wanted = self._options.container
        if (wanted == "parquet" and kind is not PARQUET) or (
            wanted != "parquet" and wanted and kind in {PARQUET, ARROW_FILE, ARROW_STREAM}
        ):
            is_ = kind.title if kind else "text"
            raise UnconvertibleError(f"the file is {is_}, not {wanted} as `--from` says")
        if kind in {PARQUET, ARROW_FILE, ARROW_STREAM} and kind:
            report.is_lined = False
            return arrow_rows(file.stream, kind)
        if delimiter := self._delimiter(file):
            report.container = report.container if kind in {CSV, TSV} else _joined(file, "CSV")
            return csv_rows(file.stream, delimiter)
        if kind in {JSON_LIST, JSON_VALUE} or wanted == "json":
            return json_values(file.stream)
        return json_lines(file.stream)

    def _delimiter(self, file: Unpacked) -> str | None:
        """Return what separates the cells of a file, or `None` if it is not a table."""
        first = file.head.lstrip()
        if self._options.container == "csv" or (not self._options.container and file.kind in {CSV, TSV}):
            return delimiter_of(file.head) or ("\t" if file.kind is TSV else ",")
        if self._options.container or file.kind or first[:1] in {b"{", b"[", b""}:
            return None
        line = first.partition(b"\n")[0].strip()
        if line.strip(b'"').lower() in {b"messages", b"conversations"}:
            return ","
        try:
            orjson.loads(line)
        except ValueError:
            return delimiter_of(file.head)
        return None

    def _skip(self, report: _FileReport, record: RowRecord, reason: str) -> None:
        report.skipped += 1
        place = record.line or record.number
        if reason not in report.reasons and len(report.reasons) >= _KINDS:
            reason = "more rows cannot be converted, for other reasons"
        report.reasons.setdefault(reason, _Reason(record.line)).add(place)

    def _tell_format(self, report: _FileReport, record: RowRecord, title: str, how: tuple[str, ...]) -> None:
        given = [*how, *(f"--map {name}={target}" for name, target in self._options.mapped.items())]
        flags = [shlex.join(each.split(" ", 1)) for each in dict.fromkeys(given)]
        if self._options.system is not None:
            flags.append(f"--system {shlex.quote(self._options.system)}")
        paths = f"{shlex.quote(report.path)} --output {shlex.quote(self._output)}"
        command = f"sftc dataset convert {paths} {' '.join(flags)}"
        place = f", from row {record.number:,} on" if record.number > 1 else ""
        text = f"the file is {report.container}; its rows are {title}{place}"
        self._say(conversions.CONVERTED_FROM, report.path, text, f"to repeat it: `{command}`")

    def _conclude(self) -> None:
        for report in self._files:
            self._tell_reasons(report)
            for name, number in report.notes.dropped.items():
                text = f"`{name}` was not taken over, in {counted(number, 'row')}"
                help = f"`--map {name}=metadata` keeps it" if "[]" not in name else None
                self._say(conversions.FIELD_NOT_CONVERTED, report.path, text, help)
        for name in self._converter.unused if self._files else ():
            help = "check its spelling"
            self._say(
                conversions.UNCONVERTIBLE_FILE,
                self._paths[0],
                f"no row has the column or role `{name}` of `--map`",
                help,
            )
        read, written, _ = self.counts
        if self._options.skip_bad and read and not written:
            self._say(conversions.UNCONVERTIBLE_FILE, self._paths[0], "no row could be converted")

    def _tell_reasons(self, report: _FileReport) -> None:
        rule = conversions.UNCONVERTIBLE_ROW
        if self._options.skip_bad:
            rule = rule._replace(severity=Severity.WARNING)
        for reason, rows in report.reasons.items():
            noun = "line" if report.is_lined else "row"
            shown = [f"{a:,}" if a == b else f"{a:,}-{b:,}" for a, b in rows.ranges[:_SHOWN]]
            places = ", ".join(shown) + ", ..." * (len(rows.ranges) > _SHOWN)
            many = f" ({counted(rows.number, 'row')})" if rows.number > 1 else ""
            place = f"{noun}s {places}{many}" if rows.number > 1 else f"{noun} {places}"
            help = None if self._options.skip_bad else "fix it, or leave such rows out with `--skip-bad`"
            self._say(rule, report.path, f"{place}: {reason}", help)

    def _say(self, rule: Rule, path: str, message: str, help: str | None = None) -> None:
        self.findings.append(rule.finding(Source(path, "").span(0, 0), message, help=help))

    @property
    def counts(self) -> tuple[int, int, int]:
        """The rows read, written and left out."""
        files = self._files
        return sum(f.rows for f in files), sum(f.written for f in files), sum(f.skipped for f in files)

    def report(self) -> Iterator[bytes]:
        """Yield the report as JSON, once all pieces have been read."""
        read, written, skipped = self.counts
        files = [
            {
                "file": each.path,
                "container": each.container,
                "formats": dict(each.formats),
                "rows_in": each.rows,
                "rows_out": each.written,
                "rows_skipped": each.skipped,
                "skipped": [
                    {"reason": reason, "rows": rows.number,
                     "lines" if each.is_lined else "row_numbers": [[*pair] for pair in rows.ranges]}
                    for reason, rows in each.reasons.items()
                ],
                "not_taken_over": dict(each.notes.dropped),
                "nulls": dict(each.notes.nulls),
                "changed": dict(each.notes.changed),
            }
            for each in self._files
        ]  # fmt: skip
        whole = {
            "output": self._output,
            "rows_in": read,
            "rows_out": written,
            "rows_skipped": skipped,
            "files": files,
        }
        yield json.dumps(whole, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _joined(file: Unpacked, title: str) -> str:
    return ", ".join([*(each.title for each in file.kinds), title])


def _written(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSON.

    Raises:
        UnconvertibleRowError: `sftc dataset check` would complain about it.
    """
    try:
        data = orjson.dumps(row)
    except TypeError:  # an integer beyond 64 bits, or a surrogate
        data = json.dumps(row, ensure_ascii=True).encode()
    if found := next((each for each in remarks(data) if each.rule.severity is not Severity.NOTE), None):
        raise UnconvertibleRowError(f"{found.message} ({found.rule.id})")
    return data + b"\n"

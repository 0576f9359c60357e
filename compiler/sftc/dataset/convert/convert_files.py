"""Converts files: from their rows to the bytes of one file of JSON Lines, with findings and a report."""

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from sftc.dataset.chunks import MAX_ROW
from sftc.dataset.convert.convert_options import ConvertOptions, repeat_command, shell_word
from sftc.dataset.convert.field_notes import FieldNotes
from sftc.dataset.convert.json_rows import json_rows
from sftc.dataset.convert.records import RowRecord
from sftc.dataset.convert.row_formats import COLUMNS, FormatReading, Pinned, common, pinned
from sftc.dataset.convert.row_ranges import RowRanges
from sftc.dataset.convert.row_values import UnconvertibleRowError
from sftc.dataset.convert.table_rows import arrow_rows, csv_rows, delimiter_of
from sftc.dataset.convert.to_messages import RowConverter
from sftc.dataset.convert.unpack import UnconvertibleError, Unpacked, files_of, unpacked
from sftc.dataset.duplicates import Duplicates
from sftc.dataset.examine_row import remarks
from sftc.dataset.excerpt import Remark
from sftc.dataset.file_kind import COLUMNAR, CSV, PARQUET, TSV
from sftc.dataset.skeletons import fastest_sieve
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.findings.stage_rules import conversions
from sftc.findings.stage_rules.rows import EMPTY_DATA
from sftc.text.plural import counted
from sftc.text.source import Source

_PIECE: Final = 1 << 18
_KINDS: Final = 200
"""The reasons and the formats of a file that are kept. Rows with the same reason are one finding."""
_SHOWN: Final = 20
"""The fields that are not taken over, of which a file has a finding each."""
_DIGESTS: Final = 1 << 18
"""The rows, or a sample of so many, among which equal ones are found."""
_TABLES: Final = (".csv", ".tsv")


class NotConvertedError(Exception):
    """The files were not converted. The findings of the conversion say why."""


class _Rows:
    """Rows of a file by what they have in common, each with its places."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[Any, str], RowRanges] = {}

    def add(self, key: object, other: object, record: RowRecord) -> None:
        """Add a row to those with the same key; to `other` if there are too many keys."""
        noun = "line" if record.line else "row"
        if (key, noun) not in self._ranges and len(self._ranges) >= _KINDS:
            key = other
        self._ranges.setdefault((key, noun), RowRanges()).add(record.line or record.number)

    def __iter__(self) -> Iterator[tuple[Any, str, RowRanges]]:
        """Yield each key, whether its places are lines or rows, and the places, in the order of the first."""
        found = sorted(self._ranges.items(), key=lambda each: each[1].ranges[0])
        return ((key, noun, ranges) for (key, noun), ranges in found)


class _Made(NamedTuple):
    """A row that was converted: as it was, how it was read, what changed, and its line of JSON."""

    record: RowRecord
    reading: FormatReading
    notes: FieldNotes
    data: bytes


@dataclass
class _FileReport:
    """What happened to the rows of one file."""

    path: str
    container: str = "JSON Lines"
    rows: int = 0
    written: int = 0
    skipped: int = 0
    formats: _Rows = field(default_factory=_Rows)
    """By the title of the format and the options that read it."""
    reasons: _Rows = field(default_factory=_Rows)
    """By the reason why they cannot be converted."""
    notes: FieldNotes = field(default_factory=FieldNotes)


class Conversion:
    """The conversion of several files to one.

    Attributes:
        findings: what was found, complete when the bytes have been read.
    """

    def __init__(
        self, paths: Sequence[str], output: str, options: ConvertOptions, given: Sequence[str] | None = None
    ) -> None:
        """Prepare a conversion.

        Args:
            paths: the files and folders.
            output: the file that is written, for the report.
            options: how to convert.
            given: the files, folders and patterns as the person gave them, for the command that repeats it.
        """
        self._paths = paths
        self._given = given or paths
        self._output = output
        self._options = options
        self._converter = RowConverter(options.format, options.mapped, options.system)
        self._files: list[_FileReport] = []
        self._duplicates = Duplicates(_DIGESTS)
        self._sieve = fastest_sieve(MAX_ROW)
        self.findings: list[Finding] = []

    def pieces(self) -> Iterator[bytes]:
        """Yield the rows as JSON Lines, in order, in pieces of a few hundred kilobytes.

        Raises:
            NotConvertedError: at the end, if anything cannot be converted.
            ModuleNotFoundError: an extra is not installed.
        """
        for path in self._all_files():
            try:
                yield from self._converted(path)
            except UnconvertibleError as error:
                self._say(conversions.UNCONVERTIBLE_FILE, path, str(error), error.help)
        self._conclude()
        if any(found.is_error for found in self.findings):
            raise NotConvertedError

    def _all_files(self) -> Iterator[str]:
        for given in self._paths:
            try:
                yield from files_of(given)
            except UnconvertibleError as error:
                self._say(conversions.UNCONVERTIBLE_FILE, given, str(error), error.help)

    def _converted(self, path: str) -> Iterator[bytes]:
        """Yield the rows of a file, in pieces."""
        report = _FileReport(path)
        self._files.append(report)
        made: list[_Made] = []
        size = 0
        with ExitStack() as stack:
            for record in self._records(path, report, stack):
                report.rows += 1
                notes = FieldNotes()
                try:
                    row, reading = self._converter.convert(record, notes)
                    data = _written(row)
                except UnconvertibleRowError as error:
                    self._skip(report, record, str(error))
                    continue
                except RecursionError:
                    self._skip(report, record, "the row is nested too deep")
                    continue
                made.append(_Made(record, reading, notes, data))
                size += len(data)
                if size >= _PIECE:
                    yield self._passed(report, made)
                    made, size = [], 0
            yield self._passed(report, made)
        if not report.rows:
            self._say(EMPTY_DATA, path, "the file has no rows")

    def _passed(self, report: _FileReport, made: Sequence["_Made"]) -> bytes:
        """Return the rows that `sftc dataset check` would not complain about, and report the others."""
        bad: dict[int, Remark] = {}

        def examine(at: int, start: int, line: bytes) -> bool:
            found = remarks(line)
            for each in found:
                if each.rule.severity is not Severity.NOTE:
                    bad.setdefault(at, each)
            return not found

        digests = self._sieve.sift(b"".join(each.data for each in made), len(made), examine)
        good = array("Q", (digest for at, digest in enumerate(digests) if at not in bad))
        written = sum(each.written for each in self._files)
        self._duplicates.add(self._output, good, array("Q", range(written + 1, written + len(good) + 1)))
        for at, each in enumerate(made):
            if at in bad:
                self._skip(report, each.record, f"{bad[at].message} ({bad[at].rule.id})")
                continue
            report.written += 1
            report.notes.add(each.notes)
            key = (each.reading.title, pinned(each.reading))
            report.formats.add(key, ("other formats", Pinned(None)), each.record)
        return b"".join(each.data for at, each in enumerate(made) if at not in bad)

    def _records(self, path: str, report: _FileReport, stack: ExitStack) -> Iterator[RowRecord]:
        file = unpacked(path, stack)
        kind = file.kind
        if file.kinds:
            report.container = ", ".join(each.title for each in file.kinds)
        wanted = self._options.container
        if (wanted == "parquet" and kind is not PARQUET) or (
            wanted != "parquet" and wanted and kind in COLUMNAR
        ):
            is_ = kind.title if kind else "text"
            raise UnconvertibleError(f"the file is {is_}, not {wanted} as `--from` says")
        if kind and kind in COLUMNAR:
            return arrow_rows(file.stream, kind)
        if delimiter := self._delimiter(file, path):
            report.container = report.container if kind in {CSV, TSV} else _joined(file, "CSV")
            return csv_rows(file.stream, delimiter)
        return json_rows(file.stream)

    def _delimiter(self, file: Unpacked, path: str) -> str | None:
        """Return what separates the cells of a file, or `None` if it is not a table."""
        wanted = self._options.container
        found = delimiter_of(file.head, self._is_known)
        if wanted == "csv" or (not wanted and file.kind in {CSV, TSV}):
            return found or ("\t" if file.kind is TSV else ",")
        first = file.head.lstrip()
        if wanted or file.kind or first[:1] in {b"{", b"[", b""}:
            return None
        line = first.partition(b"\n")[0].strip()
        with suppress(ValueError):
            value = orjson.loads(line)
            if not isinstance(value, str) or value.lstrip()[:1] in {"{", "["}:
                return None  # JSON Lines
        name = path.lower().removesuffix(".gz").removesuffix(".zst")
        return found or ("," if name.endswith(_TABLES) else None)

    def _is_known(self, name: str) -> bool:
        return name in self._options.mapped or name.strip().lower() in COLUMNS

    def _skip(self, report: _FileReport, record: RowRecord, reason: str) -> None:
        report.skipped += 1
        report.reasons.add(reason, "more rows cannot be converted, for other reasons", record)

    def _conclude(self) -> None:
        self._tell_formats()
        for report in self._files:
            self._tell_reasons(report)
        self._tell_dropped()
        for name in self._converter.unused if self._files else ():
            text = f"no row has the column or role `{name}` of `--map`"
            self._say(conversions.UNCONVERTIBLE_FILE, self._paths[0], text, "check its spelling")
        if not self._has_errors:
            self.findings += self._duplicates.findings()
        read, written, _ = self.counts
        if self._options.skip_bad and read and not written:
            self._say(conversions.UNCONVERTIBLE_FILE, self._paths[0], "no row could be converted")

    def _tell_formats(self) -> None:
        """Add a finding for each container and format, and to the first the command that repeats all."""
        told: dict[str, list[str]] = {}
        for report in self._files:
            titles = [f"{title}: {rows.text(noun)}" for (title, _), noun, rows in report.formats]
            if len(titles) == 1:
                (title, _), *_ = next(iter(report.formats))
                told.setdefault(f"{report.container}; its rows are {title}", []).append(report.path)
            elif titles:
                text = f"{report.container}; its rows are of several formats: {'; '.join(titles)}"
                told.setdefault(text, []).append(report.path)
        help = None
        if not self._has_errors:
            help = f"to repeat it: `{self._command()}`"
        for text, paths in told.items():
            more = f", as {counted(len(paths) - 1, 'more file')}" if len(paths) > 1 else ""
            self._say(conversions.CONVERTED_FROM, paths[0], f"the file is {text}{more}", help)
            help = None

    def _command(self) -> str:
        """Return the command that repeats the conversion; without a guess if all rows are of one kind.

        A row that was left out is left out again only if nothing else changes.
        """
        options = self._options
        found = {how for report in self._files for (_, how), _, _ in report.formats}
        is_sure = not any(report.skipped for report in self._files)
        how = (is_sure and common(found)) or Pinned(options.format)
        return repeat_command(self._given, self._output, options, how)

    @property
    def _has_errors(self) -> bool:
        if any(found.is_error for found in self.findings):
            return True
        return any(report.skipped for report in self._files) and not self._options.skip_bad

    def _tell_dropped(self) -> None:
        rows: Counter[str] = Counter()
        files: dict[str, list[str]] = {}
        for report in self._files:
            rows.update(report.notes.dropped)
            for name in report.notes.dropped:
                files.setdefault(name, []).append(report.path)
        for name, number in rows.most_common(_SHOWN):
            several = f" of {len(files[name]):,} files" if len(files[name]) > 1 else ""
            text = f"`{name}` was not taken over, in {counted(number, 'row')}{several}"
            help = f"`--map {shell_word(f'{name}=metadata')}` keeps it" if "[]" not in name else None
            self._say(conversions.FIELD_NOT_CONVERTED, files[name][0], text, help)
        if len(rows) > _SHOWN:
            text = f"{counted(len(rows) - _SHOWN, 'more field')} were not taken over"
            self._say(conversions.FIELD_NOT_CONVERTED, self._files[0].path, text, "`--report` names all")

    def _tell_reasons(self, report: _FileReport) -> None:
        rule = conversions.UNCONVERTIBLE_ROW
        if self._options.skip_bad:
            rule = rule._replace(severity=Severity.WARNING)
        for reason, noun, rows in report.reasons:
            many = f" ({counted(rows.number, 'row')})" if rows.number > 1 else ""
            help = None if self._options.skip_bad else "fix it, or leave such rows out with `--skip-bad`"
            self._say(rule, report.path, f"{rows.text(noun)}{many}: {reason}", help)

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
                "formats": [
                    {"format": title, "rows": rows.number, **_places(noun, rows)}
                    for (title, _), noun, rows in each.formats
                ],
                "rows_in": each.rows,
                "rows_out": each.written,
                "rows_skipped": each.skipped,
                "skipped": [
                    {"reason": reason, "rows": rows.number, **_places(noun, rows)}
                    for reason, noun, rows in each.reasons
                ],
                "not_taken_over": dict(each.notes.dropped),
                "nulls": dict(each.notes.nulls),
                "changed": dict(each.notes.changed),
            }
            for each in self._files
        ]
        whole = {
            "output": self._output,
            "rows_in": read,
            "rows_out": written,
            "rows_skipped": skipped,
            "files": files,
        }
        yield json.dumps(whole, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _places(noun: str, rows: RowRanges) -> dict[str, Any]:
    places = {"lines" if noun == "line" else "row_numbers": [[*pair] for pair in rows.ranges]}
    return {**places, **({"rows_not_listed": rows.number - rows.kept} if rows.number > rows.kept else {})}


def _joined(file: Unpacked, title: str) -> str:
    return ", ".join([*(each.title for each in file.kinds), title])


def _written(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSON.

    Raises:
        UnconvertibleRowError: it is too large.
    """
    try:
        data = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # an integer beyond 64 bits, or a surrogate
        data = json.dumps(row, ensure_ascii=True).encode() + b"\n"
    if len(data) > MAX_ROW:
        raise UnconvertibleRowError("the row is larger than 64 MiB")
    return data

"""Decides what is wrong with a single row."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import isinf
from typing import Any, Final

import orjson

from sftc.contract.versions import PACKAGED
from sftc.dataset.advice import advice, nul
from sftc.dataset.excerpt import Line, Remark
from sftc.dataset.json_scan import MAX_DEPTH, UTF16_LINE, NotJsonError, Scan
from sftc.dataset.length import too_long
from sftc.findings.finding import Finding, Severity
from sftc.findings.stage_rules import rows
from sftc.text.keys import Path
from sftc.text.source import escaped

_NUMBER: Final = "-0123456789"
_SHOWN: Final = 30
"""The characters of a number that a message shows."""


def remarks(data: bytes, tokens: int | None = None) -> list[Remark]:
    """Return all remarks about the row whose JSON is `data`. `tokens` is the `sequence_length`, if known."""
    try:
        value = orjson.loads(data)
    except ValueError:
        return _unparsed(data, tokens)
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        scan = Scan(data.decode())
        if scan.depth > MAX_DEPTH:
            return [_too_deep(scan)]
    return [*_repeated(data, value), *_meaning(data, value, tokens), *_nul(data)]


def is_valid_row(data: bytes) -> bool:
    """Return whether the row whose JSON is `data` has no errors."""
    return not any(each.rule.severity is Severity.ERROR for each in remarks(data))


def locate(found: Iterable[Remark], line: Line) -> list[Finding]:
    """Return the findings for remarks about `line`, in the order of the text."""
    scan = _scan(line.text)
    findings = []
    for remark in found:
        start, end = remark.at or _place(scan, remark.path)
        path = tuple(escaped(part) if isinstance(part, str) else part for part in remark.path)
        help = remark.help and escaped(remark.help)
        finding = remark.rule.finding(line.span(start, end), escaped(remark.message), path=path, help=help)
        findings.append((start, finding))
    return [finding for _, finding in sorted(findings, key=lambda pair: pair[0])]


def _scan(text: str) -> Scan | None:
    try:
        return Scan(text)
    except NotJsonError:
        return None


def _place(scan: Scan | None, path: Path) -> tuple[int, int]:
    """Return the position of the value at `path`, or of the nearest value around it."""
    while scan and path not in scan.places:
        path = path[:-1]
    if not scan:
        return 0, 1
    start, end = scan.places[path]
    return (start, end) if scan.text[start] not in "{[" else (start, start + 1)


def _unparsed(data: bytes, tokens: int | None) -> list[Remark]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode("utf-8"))
        message = f"byte 0x{data[error.start]:02x} is not valid UTF-8"
        utf16 = b"\0" in data
        help = UTF16_LINE if utf16 else "save the file as UTF-8"
        return [Remark(rows.ROW_NOT_UTF8, message, help=help, at=(at, at + 1))]
    try:
        scan = Scan(text)
    except NotJsonError as error:
        return [Remark(rows.ROW_NOT_JSON, str(error), help=error.help, at=(error.at, error.at + 1))]
    if scan.depth > MAX_DEPTH:
        return [_too_deep(scan)]
    found = [
        Remark(
            rows.LONE_SURROGATE,
            f"`{text[start:end]}` is an unpaired surrogate, which is half of a character",
            at=(start, end),
        )
        for start, end in scan.surrogates
    ]
    value = json.loads(text, parse_int=float)  # orjson refuses numbers beyond the range of a double
    return [*found, *_beyond_range(scan), *_names(scan), *_meaning(data, value, tokens), *_nul(data)]


def _beyond_range(scan: Scan) -> Iterator[Remark]:
    """Yield a remark about each number that is infinite as a double; one without a place if it is deep."""
    places = scan.places.items()
    found = [at for at in places if scan.text[at[1][0]] in _NUMBER and isinf(float(scan.text[slice(*at[1])]))]
    help = "write a smaller number, or a string"
    for path, (start, end) in found:
        written = scan.text[start:end]
        shown = written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
        message = f"the number `{shown}` is beyond the range of JSON readers"
        yield Remark(rows.NUMBER_BEYOND_RANGE, message, path, help, at=(start, end))
    if not found and not scan.surrogates:  # what else orjson refuses
        yield Remark(rows.NUMBER_BEYOND_RANGE, "a number is beyond the range of JSON readers", help=help)


def _too_deep(scan: Scan) -> Remark:
    message = f"the row is nested {scan.depth:,} levels deep: the maximum is {MAX_DEPTH}"
    return Remark(rows.ROW_TOO_DEEP, message)


def _repeated(data: bytes, value: Any) -> list[Remark]:
    """Return remarks about names that occur twice in an object."""
    with suppress(TypeError):  # the row is nested deeper than orjson can write
        # A fast path: writing `value` drops repeated names. If the result equals `data`, except for
        # spaces after `:` and `,`, then nothing was dropped.
        if _squeezed(orjson.dumps(value)) == _squeezed(data):
            return []
    try:
        json.loads(data, object_pairs_hook=_distinct)
    except _RepeatedError:
        return _names(Scan(data.decode()))
    return []


def _squeezed(data: bytes) -> bytes:
    return data.replace(b": ", b":").replace(b", ", b",")


class _RepeatedError(Exception):
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _RepeatedError


def _names(scan: Scan) -> list[Remark]:
    return [
        Remark(rows.DUPLICATE_NAME, f"`{each.path[-1]}` occurs twice in this object", each.path, at=each[1:])
        for each in scan.repeated
    ]


def _nul(data: bytes) -> Iterator[Remark]:
    if b"\\u0000" in data:
        yield from nul(data.decode())


def _meaning(data: bytes, value: Any, tokens: int | None) -> list[Remark]:
    if PACKAGED.accepts_row(value):
        return [*advice(value, data), *(too_long(value, tokens) if tokens else ())]
    from sftc.dataset.row_shape import explain_row

    return explain_row(PACKAGED.schemas, value)

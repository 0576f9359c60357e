"""Comments by which a config's author takes a warning or note for known.

`# sftc: ignore[rule-id]` speaks of its own line. Alone on a line it speaks of what
follows: the next line, or, above a table's header, the whole table.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from sftc.document import Document
from sftc.findings import Edit, Finding, Fix
from sftc.rules.comments import UNUSED_SUPPRESSION
from sftc.source import Span

_COMMENT = re.compile(r"#\s*sftc: ignore\[([^\]]*)\]")
_ID = re.compile(r"[^,\s]+")


class _Suppression(NamedTuple):
    id: str
    comment: Span
    lines: range
    alone: bool


def suppress(document: Document, findings: Iterable[Finding]) -> list[Finding]:
    """Return `findings` without those that comments suppress, and with those about idle comments.

    Errors are never suppressed, nor is what a flag brought.
    """
    suppressions = list(_suppressions(document))
    used: set[_Suppression] = set()
    kept = []
    for found in findings:
        lines = _lines(document, found)
        matches = [each for each in suppressions if _covers(each, found, lines)]
        used.update(matches)
        if not matches:
            kept.append(found)
    return kept + [_unused(each) for each in suppressions if each not in used]


def _suppressions(document: Document) -> Iterable[_Suppression]:
    source = document.source
    for start, end in document.scan.comments:
        found = _COMMENT.match(source.text, start, end)
        if found:
            comment = source.span(start, end)
            alone = not source.line(comment.line)[: comment.column - 1].strip()
            lines = _what_follows(document, comment.line) if alone else range(comment.line, comment.line + 1)
            for each in _ID.findall(found[1]):
                yield _Suppression(each, comment, lines, alone)


def _what_follows(document: Document, line: int) -> range:
    source = document.source
    last = source.position(len(source.text))[0]
    while line < last:
        line += 1
        text = source.line(line).strip()
        if text and not text.startswith("#"):
            headers = sorted(source.span(*p.key).line for p in document.scan.places.values() if p.header)
            if line not in headers:
                return range(line, line + 1)
            return range(line, next((each for each in headers if each > line), last + 1))
    return range(0)


def _lines(document: Document, found: Finding) -> range:
    """Return the lines that a finding is about: those of what it underlines, and of the whole value."""
    value = document.span(found.path) if found.path else found.span
    return range(found.span.line, max(found.span.end_line, value.end_line) + 1)


def _covers(suppression: _Suppression, found: Finding, lines: range) -> bool:
    return (
        suppression.id == found.id
        and not found.is_error
        and not found.span.source.is_flag
        and lines.start < suppression.lines.stop
        and suppression.lines.start < lines.stop
    )


def _unused(suppression: _Suppression) -> Finding:
    message = f"there is no `{suppression.id}` here that could be suppressed"
    fix = Fix("remove the comment", (Edit(_with_its_space(suppression), ""),), safe=True)
    only = suppression.comment.text.count(",") == 0
    help = "remove the comment" if only else f"take `{suppression.id}` out of the comment"
    return UNUSED_SUPPRESSION.finding(suppression.comment, message, help=help, fix=fix if only else None)


def _with_its_space(suppression: _Suppression) -> Span:
    """Return the comment with its line if it is alone there, else with the blanks before it."""
    source, start, end = suppression.comment
    before = source.text[:start].rstrip(" \t")
    if not suppression.alone:
        return source.span(len(before), end)
    rest = source.text[end:]
    line_end = next((each for each in ("\r\n", "\n") if rest.startswith(each)), "")
    return source.span(len(before), end + len(line_end))

"""Comments that suppress warnings and notes.

`# sftc: ignore[rule-id]` applies to its own line. Alone on a line it applies to what follows:
the next line, or, above a table's header, the whole table.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from sftc.checks import rules
from sftc.checks.rules import model, run
from sftc.document.toml import Document
from sftc.findings.finding import Edit, Finding, Fix, Severity
from sftc.findings.stage_rules import estimates, other_trainers, schema
from sftc.findings.stage_rules.comments import SUPPRESSION, UNUSED_SUPPRESSION
from sftc.text.source import Source, Span

_COMMENT = re.compile(r"#\s*sftc: ignore\[([^\]]*)\]")
_ID = re.compile(r"[^,\s]+")


def _suppressible(*families: Any) -> frozenset[str]:
    """Return the ids of the rules of `families` but errors, which are never suppressed."""
    found = (rule for family in families for rule in family.RULES)
    return frozenset(rule.id for rule in found if rule.severity is not Severity.ERROR)


_OPTIONAL: Final = _suppressible(other_trainers, rules.refusals, model, estimates, run)
"""The rules that only some targets, the files of a model, an estimate or rows can show."""

_HIDDEN: Final = _suppressible(schema, *rules.FAMILIES)
"""The rules whose findings another finding may hide."""


class _Suppression(NamedTuple):
    """An id in a comment, and the lines that it is for.

    `alone` is whether nothing else is on the line of the comment, `only` whether nothing else is in it.
    """

    id: str
    comment: Span
    lines: range
    alone: bool
    only: bool


def suppress(document: Document, findings: Iterable[Finding], *, is_complete: bool) -> list[Finding]:
    """Return `findings` without those that comments suppress, and with unused comments.

    `is_complete` is whether these are all findings about the config, none hidden by another one. A comment of
    an extended config may be for a value that another config replaces: it is never unused.
    """
    kept, unused = _sorted_out(document, findings)
    return [*kept, *(_unused(each) for each in unused if _is_certain(each.id, is_complete=is_complete))]


def not_suppressed(document: Document, findings: Iterable[Finding]) -> list[Finding]:
    """Return some findings about a config without those that comments suppress.

    Errors, and findings about flags, are never suppressed.
    """
    return _sorted_out(document, findings)[0]


def _sorted_out(document: Document, findings: Iterable[Finding]) -> tuple[list[Finding], list[_Suppression]]:
    """Return the findings that no comment suppresses, and the unused comments of the config itself."""
    kept, unused = list(findings), list[_Suppression]()
    for each in document.chain:
        if SUPPRESSION in each.source.text:
            kept, left = _without(each, kept)
            unused += left if each is document else ()
    return kept, unused


def _without(document: Document, findings: Iterable[Finding]) -> tuple[list[Finding], list[_Suppression]]:
    """Return `findings` without those that comments of one file suppress, and its unused comments."""
    suppressions = list(_suppressions(document))
    reach: dict[tuple[str, int], set[_Suppression]] = {}
    for each in suppressions:
        for line in each.lines:
            reach.setdefault((each.id, line), set()).add(each)
    used: set[_Suppression] = set()
    kept = []
    for found in findings:
        matches = set[_Suppression]()
        if not found.is_error and found.span.source is document.source:
            matches = matches.union(*(reach.get((found.id, line), ()) for line in _lines(document, found)))
        used |= matches
        if not matches:
            kept.append(found)
    return kept, [each for each in suppressions if each not in used]


def _is_certain(id: str, *, is_complete: bool) -> bool:
    """Return whether an unused comment about the rule `id` suppresses nothing in any use of the config."""
    return id not in _OPTIONAL and (is_complete or id not in _HIDDEN)


def _suppressions(document: Document) -> Iterator[_Suppression]:
    source, places = document.source, document.scan.places.values()
    headers = sorted({source.span(*place.key).line for place in places if place.header})
    following = _next_lines(source)
    for start, end in document.scan.comments:
        found = _COMMENT.match(source.text, start, end)
        if found:
            comment = source.span(start, end)
            alone = not source.line(comment.line)[: comment.column - 1].strip()
            lines = (
                _what_follows(following[comment.line], len(following) - 1, headers)
                if alone
                else range(comment.line, comment.line + 1)
            )
            ids = _ID.findall(found[1])
            only = len(ids) == 1 and not source.text[found.end() : end].strip()
            for each in ids:
                yield _Suppression(each, comment, lines, alone, only)


def _next_lines(source: Source) -> list[int]:
    """Return by line the next one after it that is neither empty nor a comment, 0 if there is none."""
    lines = source.text.split("\n")
    following, after = [0] * (len(lines) + 1), 0
    for number in range(len(lines), 0, -1):
        following[number] = after
        text = lines[number - 1].strip()
        if text and not text.startswith("#"):
            after = number
    return following


def _what_follows(line: int, last: int, headers: list[int]) -> range:
    """Return the line that a comment is above, or the lines of the table if it is a header."""
    if not line:
        return range(0)
    after = bisect_right(headers, line)
    if not after or headers[after - 1] != line:
        return range(line, line + 1)
    return range(line, headers[after] if after < len(headers) else last + 1)


def _lines(document: Document, found: Finding) -> range:
    """Return the lines that a finding is about: those that it underlines, and those of the whole value.

    A finding about the whole file counts for the first line that is not empty.
    """
    if found.span.start == found.span.end:
        spans = [document.source.span(*place.key) for place in document.scan.places.values()]
        first = min((span.line for span in spans), default=1)
        return range(first, first + 1)
    value = document.span(found.path) if found.path else found.span
    ends = [each.end_line for each in (found.span, value) if each.source is document.source]
    return range(found.span.line, max(ends) + 1)


def _unused(suppression: _Suppression) -> Finding:
    message = f"no `{suppression.id}` finding here to suppress"
    fix, help = None, f"remove `{suppression.id}` from the comment"
    if suppression.only:
        fix = Fix("remove the comment", (Edit(_with_its_space(suppression), ""),), safe=True)
        help = "remove the comment"
    return UNUSED_SUPPRESSION.finding(suppression.comment, message, help=help, fix=fix)


def _with_its_space(suppression: _Suppression) -> Span:
    """Return the comment with its line if it is alone there, else with the blanks before it."""
    source, start, end = suppression.comment
    line_start, line_end = source.line_bounds(suppression.comment.line)
    if suppression.alone:
        return source.span(line_start, source.text.find("\n", line_end) + 1 or len(source.text))
    return source.span(line_start + len(source.text[line_start:start].rstrip(" \t")), end)

"""Applying fixes to the text of a config; everything else stays as it is."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable

from sftc.document.edits import apply_fixes
from sftc.findings.finding import Finding, Fix, Severity, count
from sftc.findings.stage_rules.files import BYTE_ORDER_MARK
from sftc.text.source import Source

Lint = Callable[[Source], list[Finding]]
FixFilter = Callable[[Finding], bool]

_WORK = 4_000_000
"""The characters that are linted to check fixes, so that the work grows with the file, not its square."""


def fix(source: Source, lint: Lint, wanted: FixFilter) -> Source:
    """Apply the fixes of `wanted` findings until none is left, and return the fixed source.

    `lint` must return all findings, wanted or not: a fix that adds an error of any kind, or
    does not remove a finding, is not applied. In a file with thousands of fixes some may be left.
    """
    findings, work = lint(source), _WORK
    while work > 0:
        fixes = [found.fix for found in findings if found.fix and wanted(found)]
        tries = work // (len(source.text) + 1)
        linted = _all_at_once(source, findings, fixes, lint) or _one_by_one(
            source, findings, fixes[:tries], lint
        )
        if not linted:
            break
        source, findings = linted
        work -= (1 + len(fixes)) * len(source.text)
    return source


_Linted = tuple[Source, list[Finding]]
"""A better source, and its findings."""


def _all_at_once(source: Source, findings: list[Finding], fixes: Iterable[Fix], lint: Lint) -> _Linted | None:
    chosen: list[Fix] = []
    taken: list[tuple[int, int]] = []
    for each in fixes:
        spans = [(edit.span.start, edit.span.end) for edit in each.edits]
        if not any(_overlaps(span, taken) for span in spans):
            chosen.append(each)
            for span in spans:
                insort(taken, span)
    return _better(apply_fixes(source, chosen), findings, lint) if chosen else None


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    """Return whether `span` touches one of the spans, which are in order and touch no other."""
    at = bisect_right(taken, span)
    return any(start <= span[1] and span[0] <= end for start, end in taken[max(at - 1, 0) : at + 1])


def _one_by_one(source: Source, findings: list[Finding], fixes: Iterable[Fix], lint: Lint) -> _Linted | None:
    attempts = (_better(apply_fixes(source, [each]), findings, lint) for each in fixes)
    return next((linted for linted in attempts if linted), None)


def _better(fixed: Source, before: list[Finding], lint: Lint) -> _Linted | None:
    after = lint(fixed)
    return (fixed, after) if _is_better(after, before) else None


def _is_better(after: list[Finding], before: list[Finding]) -> bool:
    if _hides_others(before):  # what comes to light without it was there before
        return not _hides_others(after)
    old, new = ({(found.id, found.path) for found in each if found.is_error} for each in (before, after))
    return new <= old and _weight(after) < _weight(before)


def _hides_others(findings: list[Finding]) -> bool:
    return any(found.id == BYTE_ORDER_MARK.id and found.fix for found in findings)


def _weight(findings: list[Finding]) -> list[int]:
    """Return how many findings there are of each severity, the gravest first."""
    numbers = count(findings)
    return [numbers[each] for each in Severity]

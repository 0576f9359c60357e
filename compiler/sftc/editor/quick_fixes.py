"""Quick fixes: the fix of a finding, and all safe ones at once."""

from collections.abc import Iterator
from typing import NamedTuple

from sftc.editor.open_config import OpenConfig
from sftc.findings.finding import Edit, Finding, Fix
from sftc.text.source import Source
from sftc.tools.fix import fix
from sftc.tools.lint import lint


class QuickFix(NamedTuple):
    """A fix that is offered for a finding; `is_preferred` if it keeps the meaning of the config."""

    title: str
    edits: tuple[Edit, ...]
    finding: Finding
    is_preferred: bool


def quick_fixes(config: OpenConfig, start: int, end: int) -> Iterator[QuickFix]:
    """Yield the fixes of the findings that touch the characters from `start` to `end`."""
    for found in config.findings:
        touches = found.span.source is config.source and found.span.start <= end and start <= found.span.end
        if found.fix and touches:
            yield QuickFix(_title(found.fix), found.fix.edits, found, found.fix.safe)


def _title(fix: Fix) -> str:
    title = fix.title[:1].upper() + fix.title[1:]
    return title if fix.safe else f"{title} (changes the meaning)"


def has_safe_fixes(config: OpenConfig) -> bool:
    """Return whether a fix of the config keeps its meaning."""
    return any(found.fix and found.fix.safe for found in config.findings)


def fix_all(config: OpenConfig) -> Edit | None:
    """Return the edit that applies every safe fix, as `sftc lint --fix` does; `None` if there are none."""
    choices = config.choices

    def findings(source: Source) -> list[Finding]:
        return lint(source, choices.model, [choices.target], estimates=choices.estimates)

    def wanted(found: Finding) -> bool:
        return found.fix is not None and found.fix.safe and choices.wants(found)

    fixed = fix(config.source, findings, wanted)
    if fixed.text == config.source.text:
        return None
    return Edit(config.source.span(0, len(config.source.text)), fixed.text)

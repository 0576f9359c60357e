"""Findings as text for a terminal: the source line, with the span underlined."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import click

from sftc.findings.finding import Finding, Severity, bounded, count
from sftc.text.characters import visible
from sftc.text.keys import dotted
from sftc.text.plural import counted
from sftc.text.secrets import masked
from sftc.text.source import Source, Span

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_WIDTH = 100
_BEFORE = 40


def render(findings: Iterable[Finding]) -> str:
    """Return the findings of one file styled for a terminal, with a blank line after each."""
    return "".join(f"{_finding(found)}\n\n" for found in bounded(findings))


def summary(findings: Iterable[Finding]) -> str:
    """Return the number of findings by severity, for example `1 error, 2 warnings`."""
    numbers = count(findings)
    found = ((each, numbers[each]) for each in Severity if numbers[each])
    return ", ".join(counted(number, each) for each, number in found)


def printable(text: str) -> str:
    """Return `text` with all that could move the cursor or hide itself made visible."""
    return "".join(map(_glyph, visible(text)))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def _finding(found: Finding) -> str:
    span, color = found.span, _COLORS[found.severity]
    shown = span.start < span.end
    label = str(span.line) if shown and not span.source.is_flag else ""
    margin, bar = " " * (len(label) + 1), click.style("|", fg="blue")
    title = click.style(f"{found.severity}[{found.id}]", fg=color, bold=True)
    lines = [f"{click.style(_location(span), bold=True)}: {title}: {printable(found.message)}"]
    if shown:
        line, indent, mark = _excerpt(span)
        lines.append(f"{margin}{bar}")
        lines.append(f"{click.style(label, fg='blue')} {bar} {line}")
        lines.append(f"{margin}{bar} {indent}{click.style(mark, fg=color, bold=True)}")
    if span.source.byte is not None:
        place = f"`{dotted(found.path)}`, byte" if found.path else "byte"
        lines.append(f"{margin}{click.style('= at:', fg='blue')} {printable(place)} {span.source.byte:,}")
    if found.help:
        lines.append(f"{margin}{click.style('= help:', fg='blue')} {printable(found.help)}")
    return "\n".join(lines)


def _location(span: Span) -> str:
    name = printable(span.source.name)
    if span.source.is_flag or not span.source.text:
        return name
    return f"{name}:{span.line}:{span.column}"


def _excerpt(span: Span) -> tuple[str, str, str]:
    """Return the first line of `span` as shown, the blanks before the mark, and the mark."""
    before, marked, after = excerpt(span)
    return before + marked + after, " " * columns_of(before), "^" * max(1, columns_of(marked))


def excerpt(span: Span) -> tuple[str, str, str]:
    """Return the first line of `span` as shown: the text before the span, in it and after it."""
    line_start, line_end = span.source.line_bounds(span.line)
    text = _masked_line(span.source, line_start, line_end)
    start, end = span.start - line_start, min(span.end - line_start, len(text))
    left = max(0, start - _BEFORE) if len(text) > _WIDTH else 0
    right = min(len(text), left + _WIDTH)
    before = ("…" if left else "") + printable(text[left:start])
    marked = printable(text[start : min(end, right)])
    after = printable(text[max(start, min(end, right)) : right]) + ("…" if right < len(text) else "")
    return before, marked, after


@lru_cache(maxsize=1)  # many findings may be about one long line
def _masked_line(source: Source, start: int, end: int) -> str:
    return masked(source.text[start:end])


def _glyph(char: str) -> str:
    if char == "\t":
        return "    "
    if unicodedata.category(char) in {"Cc", "Cs"}:
        return char.encode("unicode_escape", "surrogatepass").decode() if ord(char) > 0 else "\\0"
    return char


def columns_of(text: str) -> int:
    """Return the width of the printable `text` in terminal columns."""
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1

"""Findings as GitHub workflow commands, which GitHub shows as annotations on a pull request."""

import os
from collections.abc import Mapping, Sequence

from sftc.findings.finding import Finding, Severity
from sftc.report.terminal import printable

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(files: Mapping[str, Sequence[Finding]]) -> str:
    """Return one workflow command per line for each finding.

    Args:
        files: the findings of each file, by path.
    """
    return "".join(_command(path, found) for path, findings in files.items() for found in findings)


def _command(path: str, found: Finding) -> str:
    span = found.span
    # GitHub rejects columns on a span of more than one line.
    columns = {"col": span.column, "endColumn": span.end_column} if span.line == span.end_line else {}
    properties = {
        "file": printable(os.path.normpath(path)),
        "line": span.line,
        "endLine": span.end_line,
        **columns,
        "title": f"sftc: {found.id}",
    }
    listed = ",".join(f"{name}={_escape(str(value), ':,')}" for name, value in properties.items())
    message = "\n".join(map(printable, filter(None, [found.message, found.help])))
    return f"::{_COMMANDS[found.severity]} {listed}::{_escape(message)}\n"


def _escape(text: str, more: str = "") -> str:
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text

"""Findings as JSON. The format is version 1; `report.schema.json` describes it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from sftc.findings.finding import Edit, Finding, Severity, count
from sftc.text.characters import escaped_json
from sftc.text.keys import dotted
from sftc.text.source import Span, escaped

if TYPE_CHECKING:
    from sftc.dataset.check_files import Checked

VERSION = 1


def render(files: Mapping[str, Sequence[Finding]], data: Mapping[str, object] | None = None) -> str:
    """Return the report as JSON.

    Args:
        files: the findings of each file, by path.
        data: additional facts about a file, by path.
    """
    data = data or {}
    numbers = count(found for each in files.values() for found in each)
    report = {
        "version": VERSION,
        "files": [
            {
                "path": escaped(path),
                "findings": list(map(finding_object, found)),
                "data": data.get(path),
            }
            for path, found in files.items()
        ],
        "summary": {f"{each}s": numbers[each] for each in Severity},
    }
    return to_json(report)


def file_data(checked: "Checked") -> dict[str, object]:
    """Return the facts about a training file."""
    return {
        "rows": checked.rows,
        "bytes": checked.length,
        "digest": checked.digest or None,
        "stopped": checked.stopped,
        "more": checked.more,
    }


def to_json(report: object) -> str:
    """Return a report as JSON that shows no hidden character and moves no cursor."""
    return escaped_json(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())


def finding_object(found: Finding) -> dict[str, Any]:
    """Return a finding as a JSON object."""
    return {
        "id": found.id,
        "severity": found.severity,
        "message": found.message,
        "help": found.help,
        "key": dotted(found.path) or None,
        "path": found.path,
        "range": _range(found.span),
        "byte": found.span.source.byte,
        "fix": found.fix
        and {"title": found.fix.title, "safe": found.fix.safe, "edits": list(map(_edit, found.fix.edits))},
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {"range": _range(edit.span), "text": edit.text}


def _range(span: Span) -> dict[str, Any]:
    return {
        "start": {"line": span.line, "column": span.column},
        "end": {"line": span.end_line, "column": span.end_column},
    }

"""Findings as SARIF 2.1.0, including rule descriptions and fixes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from sftc.checks.catalogue import RULES
from sftc.findings.finding import Finding, Fix
from sftc.findings.rule import Rule
from sftc.report.json import to_json
from sftc.report.rule_pages import page_url
from sftc.text.source import Span
from sftc.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(files: Mapping[str, Sequence[Finding]]) -> str:
    """Return the SARIF log of one run.

    Args:
        files: the findings of each file, by path.
    """
    order = list(RULES)
    run = {
        "tool": {
            "driver": {
                "name": "sftc",
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in RULES.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": uri}} for uri in dict.fromkeys(map(_uri, files))],
        "results": [
            {"ruleIndex": order.index(found.id), **_result(path, found)}
            for path, findings in files.items()
            for found in findings
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return to_json(log)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.act},
        "helpUri": page_url(rule),
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(path: str, found: Finding) -> dict[str, Any]:
    text = f"{found.message}\n{found.help}" if found.help else found.message
    place = {"artifactLocation": _location(path), "region": _region(found.span)}
    return {
        "ruleId": found.id,
        "level": found.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        **({"fixes": [_fix(path, found.fix)]} if found.fix else {}),
    }


def _fix(path: str, fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fix.edits
    ]
    change = {"artifactLocation": _location(path), "replacements": replacements}
    title = fix.title if fix.safe else f"{fix.title} (unsafe: it changes the meaning)"
    return {"description": {"text": title}, "artifactChanges": [change]}


def _location(path: str) -> dict[str, str]:
    return {"uri": _uri(path)}


def _uri(path: str) -> str:
    plain = PurePath(os.path.normpath(path))
    return plain.as_uri() if plain.is_absolute() else quote(plain.as_posix(), errors="surrogateescape")


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }

"""Findings as a GitLab Code Quality report."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from sftc.findings.finding import Finding, Severity
from sftc.report.json import to_json
from sftc.text.source import escaped

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}

_NUMBER = re.compile(r"\d+")


def render(files: Mapping[str, Sequence[Finding]]) -> str:
    """Return the report as JSON.

    Args:
        files: the findings of each file, by path.
    """
    seen: Counter[str] = Counter()
    issues = []
    for name, findings in files.items():
        path = _path(name)
        for found in findings:
            # Leave out line numbers, including those in the message, so that a finding keeps its
            # fingerprint when lines are added above it.
            identity = f"{path}\n{found.id}\n{found.path}\n{_NUMBER.sub('', found.message)}"
            seen[identity] += 1
            issues.append(
                {
                    "description": found.message,
                    "check_name": found.id,
                    "fingerprint": sha256(f"{identity}\n{seen[identity]}".encode()).hexdigest(),
                    "severity": _SEVERITIES[found.severity],
                    "location": {
                        "path": path,
                        "lines": {"begin": found.span.line, "end": found.span.end_line},
                    },
                }
            )
    return to_json(issues)


def _path(name: str) -> str:
    """Return the path `name` normalized for GitLab, with bytes that are not UTF-8 escaped."""
    return escaped(os.path.normpath(name))

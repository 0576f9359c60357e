"""Findings as a GitLab code quality report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

import orjson

from sftc.findings import Finding, Severity

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(files: Mapping[str, Sequence[Finding]]) -> str:
    """Return the report on `files`, by path."""
    seen: Counter[str] = Counter()
    issues = []
    for path, findings in files.items():
        for found in findings:
            # Line numbers are left out: a finding stays the same when lines are added above it.
            identity = f"{path}\n{found.id}\n{found.path}\n{found.message}"
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
    return orjson.dumps(issues, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()

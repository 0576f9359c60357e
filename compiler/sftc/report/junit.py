"""Findings as JUnit XML. Each file is a test case; an error or a warning fails it."""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sftc.findings.finding import Finding, Severity
from sftc.report.terminal import printable

_NOT_XML = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}
"""Escapes for the characters that `printable` keeps but XML forbids."""


def render(files: Mapping[str, Sequence[Finding]]) -> str:
    """Return the report as XML.

    Args:
        files: the findings of each file, by path.
    """
    failures = [[found for found in each if found.severity is not Severity.NOTE] for each in files.values()]
    failed = str(sum(map(bool, failures)))
    counts = {"name": "sftc lint", "tests": str(len(files)), "failures": failed, "errors": "0"}
    suites = Element("testsuites", counts)
    suite = SubElement(suites, "testsuite", counts)
    for path, found in zip(files, failures, strict=True):
        case = SubElement(suite, "testcase", {"name": _text(path), "classname": "sftc.lint"})
        if found:
            failure = SubElement(
                case, "failure", {"type": found[0].severity, "message": _text(found[0].message)}
            )
            failure.text = "\n".join(map(_line, found))
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _line(found: Finding) -> str:
    where = f"{found.span.line}:{found.span.column}"
    return _text(f"{where}: {found.severity}[{found.id}]: {found.message}")


def _text(text: str) -> str:
    return printable(text).translate(_NOT_XML)

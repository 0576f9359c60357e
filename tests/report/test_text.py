"""The text report: the source line and the underline."""

import click
import pytest

import sftc
from sftc.findings.finding import Finding, Severity
from sftc.report.terminal import printable, render, summary
from sftc.text.source import Source, Span


def shown(span: Span, message: str = "wrong") -> str:
    return click.unstyle(render([Finding("some-rule", Severity.ERROR, message, span)]))


def test_the_span_is_underlined() -> None:
    source = Source("c.toml", "a = 1\nbc = 23\n")
    assert shown(source.span(11, 13)) == (
        "c.toml:2:6: error[some-rule]: wrong\n  |\n2 | bc = 23\n  |      ^^\n\n"
    )


@pytest.mark.parametrize(
    ("line", "marked", "underline"),
    [
        ("a = 1", "1", "    ^"),
        ("\ta = 1", "1", "        ^"),
        ("漢字 = 1", "1", "       ^"),
        ("漢字 = 1", "漢字", "^^^^"),
        ("e\u0301 = 1", "1", "    ^"),
        ("a\u202e = 1", "1", "            ^"),
        ("a = \x00", "\x00", "    ^^"),
        ("a = \x1b[31m", "\x1b[31m", "    ^^^^^^^^"),
        ("a = 1\r", "1", "    ^"),
    ],
)
def test_the_underline_matches_the_width_of_the_text(line: str, marked: str, underline: str) -> None:
    start = line.index(marked)
    source = Source("c", line + "\n")
    assert shown(source.span(start, start + len(marked))).splitlines()[3] == f"  | {underline}"


def test_a_long_line_is_cut_around_the_span() -> None:
    source = Source("c", f"a = [{'1, ' * 1000}23, {'4, ' * 1000}]")
    start = source.text.index("23")
    _, _, line, mark, *_ = shown(source.span(start, start + 2)).splitlines()
    assert line.startswith("1 | …")
    assert line.endswith("…")
    assert len(line) < 120
    assert line[mark.index("^") :].startswith("23, ")
    assert mark.count("^") == 2


def test_a_span_over_several_lines_is_underlined_on_the_first() -> None:
    source = Source("c", "a = [\n 1,\n]\n")
    assert shown(source.span(4, 11)).splitlines()[2:4] == ["1 | a = [", "  |     ^"]


def test_a_finding_about_a_whole_file_shows_no_line() -> None:
    assert shown(Source("c", "text").span(0, 0)) == "c:1:1: error[some-rule]: wrong\n\n"
    assert shown(Source("c", "").span(0, 0)) == "c: error[some-rule]: wrong\n\n"


def test_a_flag_has_no_line_numbers() -> None:
    source = Source("--set", "--set a=1", is_flag=True)
    assert shown(source.span(8, 9)) == "--set: error[some-rule]: wrong\n |\n | --set a=1\n |         ^\n\n"


def test_control_characters_are_escaped() -> None:
    name = "c\x1b[2J\n\u2028.toml"
    text = shown(Source(name, "a\x9b = 1").span(0, 2), "wrong\x07\u202e")
    assert "".join(text.split("\n")).isprintable()
    assert printable("a\tb") == "a    b"


def test_the_summary_counts_findings_by_severity() -> None:
    found = sftc.compile('[job]\nmodel = ""\nn_epoch = 1\nlora = 2\n').findings
    assert summary(found) == "1 error, 3 warnings"
    assert summary([]) == ""

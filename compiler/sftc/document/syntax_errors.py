"""Explanations of text that the TOML parser rejects: duplicate keys and syntax errors."""

import re
from ast import literal_eval
from tomllib import TOMLDecodeError

from sftc.document.places import Place, Scanner
from sftc.findings.finding import MOST_SHOWN, Finding
from sftc.findings.stage_rules.schema import INTEGER_OUT_OF_RANGE
from sftc.findings.stage_rules.syntax import DUPLICATE_KEY, TOML_SYNTAX
from sftc.text.characters import character_name, is_invisible, plain_form
from sftc.text.keys import Path, dotted
from sftc.text.source import Source


def explain_syntax_error(source: Source, scanner: Scanner, error: ValueError) -> list[Finding]:
    """Return the findings about a `source`, as scanned, that `tomllib` refused with `error`."""
    if not isinstance(error, TOMLDecodeError):
        return [_too_many_digits(source)]
    problem = _syntax_error(source, scanner, str(error))
    # After the error that stopped the parser, a duplicate may not be one.
    _, end = source.line_bounds(problem.span.line)
    return _repeats(source, [each for each in scanner.repeats if each[2].key[0] <= end]) or [problem]


def _too_many_digits(source: Source) -> Finding:
    """Explain the one other error: Python does not convert more than 4,300 digits to a number."""
    digits = re.search(r"[0-9_]{4301,}", source.text)
    span = source.span(*digits.span()) if digits else source.span(0, 0)
    message = "a number with thousands of digits does not fit in 64 bits"
    return INTEGER_OUT_OF_RANGE.finding(span, message, help="write a smaller number")


def _repeats(source: Source, repeats: list[tuple[Path, Place, Place]]) -> list[Finding]:
    """Return findings about the first of the repeated keys, the last of which counts the others."""
    findings: list[Finding] = []
    for path, first, again in repeats[: MOST_SHOWN + 1]:
        line = source.span(*first.key).line
        what = f"table `[{dotted(path)}]`" if again.header else f"key `{dotted(path)}`"
        message = f"the {what} is defined twice, first on line {line}"
        span = source.span(*again.key)
        findings.append(DUPLICATE_KEY.finding(span, message, path=path, help="keep one of the two"))
    if more := len(repeats) - len(findings):
        findings[-1] = findings[-1]._replace(number=1 + more)
    return findings


# Common mistakes: a pattern of the line, and the help for it.
_HINTS = (
    (r"\r(?!\n|$)", "end lines with a line feed (U+000A): a carriage return (U+000D) alone does not end one"),
    (r"\x00", "a NUL character: the file is binary or UTF-16; save it as UTF-8 text"),
    (r"=\s*[“”„‘’]", 'TOML does not know curly quotes: use straight ones, "'),
    (
        r"=\s*(?i:true|false|yes|no|on|off)\b",
        "the booleans are `true` and `false`, in lower case, with nothing after them",
    ),
    (r"=\s*(\$\{?\w|\{\{|%\w+%)", "nothing replaces variables and templates: write the value"),
    (r"=\s*(None|null|nil)\b", "TOML has no null: leave the key out"),
    (r"=\s*(#|$)", "give the key a value, or remove the line"),
    (r"^\s*[\w.-]+\s*:", "separate key and value with `=`, not `:`"),
    (
        r"=\s*\"[^\"]*\\",
        "in double quotes a backslash starts an escape: use single quotes, '…'",
    ),
    (r"=\s*[+-]?\d+,\d+[\deE+-]*\s*(#|$)", "write a decimal point, not a comma"),
    (r"=\s*[+-]?(\.\d|\d+\.(?!\d))", "write digits on both sides of the decimal point"),
    (r"=\s*[+-]?0\d", "remove the leading zeros"),
    (r"=\s*(\"[^\"]*\"|'[^']*'|[^\[{\"']*)\s*[,;]\s*(#|$)", "remove the `,` or `;` at the end of the line"),
    (r"=\s*(\"[^\"]*\"|'[^']*'|[^\[{\"'/]*)\s*//", "a comment begins with `#`, not `//`"),
    (r"=.*[\deE]\u2212|=\s*\u2212", "U+2212 MINUS SIGN is not a hyphen: write `-`"),
    (r"=\s*[A-Za-z./~<$][^\"']*$", 'write strings in quotes: "…"'),
    (r"=\s*(\"[^\"]*|'[^']*)$", "close the string with the quote that opens it"),
    (r"=\s*\{[^}]*$", "write an inline table on one line"),
    (r"=.*\s[\w.-]+\s*=", "write each key on a line of its own"),
    (r"^\s*\[[^\]]*$", "close the table header with `]`"),
    (r"^\s*\{", "this looks like JSON, and the config is TOML: write `[section]` and `key = value` lines"),
)


_SPACES = frozenset("\x0b\x0c\x1c\x1d\x1e\x1f\x85")
"""Control characters that other programs take for a space or the end of a line."""

_LONGEST_LINE = 1000

_NAMES = re.compile(r"\((?:'[^'\\]*'(?:, )?)+,?\)")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _syntax_error(source: Source, scanner: Scanner, reason: str) -> Finding:
    position = _POSITION.search(reason)
    if position:
        reason = reason[: position.start()]
    reason = _NAMES.sub(lambda found: f"`{dotted(literal_eval(found[0]))}`", reason)
    message = f"not valid TOML: {reason[:1].lower()}{reason[1:]}"
    if position and position[1]:
        span = source.at(int(position[1]), int(position[2]))
    else:
        end = len(source.text.rstrip())
        span = source.span(max(end - 1, 0), end)
        if not scanner.complete:
            return TOML_SYNTAX.finding(
                span, message, help="close the quote or bracket that is opened further up"
            )
    if span.text and (is_invisible(span.text) or span.text in _SPACES):
        message = f"not valid TOML: {character_name(span.text)} is not a plain space"
        return TOML_SYNTAX.finding(span, message, help="delete the character, or write a plain space instead")
    if len(span.text) == 1 and (meant := plain_form(span.text)):
        message = f"not valid TOML: `{span.text}` is {character_name(span.text)}"
        return TOML_SYNTAX.finding(span, message, help=f"write `{meant}`")
    line = source.line(span.line)
    hints = _HINTS if len(line) <= _LONGEST_LINE else ()  # some patterns take the square of its length
    help = next((help for pattern, help in hints if re.search(pattern, line)), None)
    return TOML_SYNTAX.finding(span, message, help=help)

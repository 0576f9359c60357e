"""Text that a parser refuses, explained: which key is there twice, or what stands where."""

import re
from ast import literal_eval
from tomllib import TOMLDecodeError

from sftc.document.places import Scanner
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.schema import INTEGER_OUT_OF_RANGE
from sftc.findings.stage_rules.syntax import DUPLICATE_KEY, TOML_SYNTAX
from sftc.text.keys import dotted
from sftc.text.source import Source


def explain_syntax_error(source: Source, error: ValueError) -> list[Finding]:
    """Return the findings about a `source` that `tomllib` refused with `error`."""
    if not isinstance(error, TOMLDecodeError):
        return [_too_many_digits(source)]
    scanner = Scanner(source.text)
    problem = _syntax_error(source, scanner, str(error))
    # What is defined twice behind the error that stopped the parser is not known to be.
    return [found for found in _repeats(source, scanner) if found.span.line <= problem.span.line] or [problem]


def _too_many_digits(source: Source) -> Finding:
    """Explain the one other thing that stops the parser: Python reads no 4,301 digits as a number."""
    digits = re.search(r"[0-9_]{4301,}", source.text)
    span = source.span(*digits.span()) if digits else source.span(0, 0)
    message = "a number of thousands of digits does not fit in 64 bits"
    return INTEGER_OUT_OF_RANGE.finding(span, message, help="write a smaller number")


def _repeats(source: Source, scanner: Scanner) -> list[Finding]:
    findings = []
    for path, first, again in scanner.repeats:
        line = source.span(*first.key).line
        what = f"table `[{dotted(path)}]`" if again.header else f"key `{dotted(path)}`"
        message = f"the {what} is defined twice, first on line {line}"
        span = source.span(*again.key)
        findings.append(DUPLICATE_KEY.finding(span, message, path=path, help="keep one of the two"))
    return findings


# What a line that is no TOML was likely meant to be: a pattern, and what to write.
_HINTS = (
    (r"\x00", "a NUL character: the file is binary, or UTF-16; save it as UTF-8 text"),
    (r"=\s*[“”„‘’]", 'curly quotes do not count: use straight ones, "'),
    (
        r"=\s*(?i:true|false|yes|no|on|off)\b",
        "the booleans are `true` and `false`, in lower case, with nothing behind",
    ),
    (r"=\s*(None|null|nil)\b", "TOML has no null: leave the key out"),
    (r"=\s*(#|$)", "give the key a value, or remove the line"),
    (r"^\s*[\w.-]+\s*:", "key and value are separated by `=`, not `:`"),
    (r"=\s*\"[^\"]*\\", "in double quotes a backslash begins an escape: put the text in single quotes, '…'"),
    (r"=\s*[+-]?(\.\d|\d+\.(?!\d))", "a decimal point has digits on both sides"),
    (r"=\s*[+-]?0\d", "numbers have no leading zeros"),
    (r"=[^\[{\"']*,\s*(#|$)", "no comma ends a line"),
    (r"=\s*[A-Za-z./~<$][^\"']*$", 'text stands in quotes: "…"'),
    (r"=\s*(\"[^\"]*|'[^']*)$", "close the text with the quote that opens it"),
    (r"=\s*\{[^}]*$", "an inline table stands on one line"),
    (r"=.*\s[\w.-]+\s*=", "write each key on a line of its own"),
    (r"^\s*\[[^\]]*$", "close the table header with `]`"),
    (r"^\s*\{", "this looks like JSON, and the config is TOML: write `[section]` and `key = value` lines"),
)


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
            return TOML_SYNTAX.finding(span, message, help="a quote or bracket further up is never closed")
    line = source.line(span.line)
    help = next((help for pattern, help in _HINTS if re.search(pattern, line)), None)
    return TOML_SYNTAX.finding(span, message, help=help)

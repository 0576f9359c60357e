"""A payload as YAML that readers of YAML 1.1 and of YAML 1.2 read alike.

It has what a payload needs: tables in blocks, lists in blocks, scalars on one line. A library would
bring tags, anchors and styles, and none writes floats that both kinds of readers take for floats.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

_PLAIN: Final = re.compile(r"(?:\.{0,2}/)?[A-Za-z_][A-Za-z0-9_./-]*")
"""Strings that need no quotes, unless they are one of `_WORDS`."""

_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words, in lower case, that some reader takes for something other than a string."""

_SPECIAL: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON leaves as they are and YAML does not, or takes for line breaks."""


def to_yaml(value: dict[str, Any]) -> str:
    """Return a table of JSON values as a YAML document, in the order of its keys.

    >>> print(to_yaml({"rate": 5e-06, "report_to": "none", "eval": "no", "files": ["a.jsonl"]}), end="")
    rate: 5.0e-6
    report_to: none
    eval: "no"
    files:
      - a.jsonl
    """
    return "".join(f"{line}\n" for line in _lines(value)) or "{}\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _entry(f"{_string(name)}:", child, " ")
    else:
        for child in value:
            yield from _entry("-", child, "")


def _entry(head: str, child: Any, gap: str) -> Iterator[str]:
    if not (isinstance(child, dict | list) and child):
        yield f"{head} {_scalar(child)}"
    elif gap:
        yield head
        yield from (f"  {line}" for line in _lines(child))
    else:  # an item begins on the line of its dash
        first, *rest = _lines(child)
        yield f"{head} {first}"
        yield from (f"  {line}" for line in rest)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    return _float(value) if isinstance(value, float) else orjson.dumps(value, default=str).decode()


def _float(value: float) -> str:
    """Return a float with a point, and a sign in its exponent: without them, YAML 1.1 has a string."""
    mantissa, _, power = repr(value).partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{int(power):+d}" if power else mantissa


def _string(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(text).decode())

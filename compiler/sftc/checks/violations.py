"""Violations of a schema as findings, in the words of TOML.

The failing keyword decides, never the text of a library's message: each keyword of
`EXPLANATIONS` has a function that explains it.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sftc.checks import unknown_keys
from sftc.checks.config import Config
from sftc.checks.counterparts import value_of_word
from sftc.checks.migration import replacement
from sftc.checks.rules.strings import instead_of_placeholder
from sftc.contract.dialect import number_of, violations
from sftc.contract.json_types import TYPES, fits_64_bits
from sftc.contract.names import plain
from sftc.contract.schemas import Schema
from sftc.contract.versions import SELECTOR
from sftc.document.edits import remove, rewrite
from sftc.document.overrides import toml_value
from sftc.findings.finding import MOST_SHOWN, Finding, Fix
from sftc.findings.rule import Rule
from sftc.findings.stage_rules import schema
from sftc.text.keys import Path, dotted, key, quoted
from sftc.text.placeholders import placeholder_in
from sftc.text.quoted_values import unquoted_advice, without_quotes
from sftc.text.suggest import near


@dataclass(frozen=True, slots=True)
class Violation:
    """The value at `path` breaks one keyword of its `schema`, whose argument is `limit`."""

    config: Config
    path: Path
    limit: Any
    value: Any
    schema: Schema

    @property
    def name(self) -> str:
        """The dotted key, as messages quote it."""
        return f"`{dotted(self.path)}`"

    @property
    def written(self) -> str:
        """The value as it is written, shortened."""
        return f"`{self.config.document.snippet(self.path)}`"

    @property
    def form(self) -> str | None:
        """What the schema says that the value must be, in words, if it says so."""
        form: str | None = self.schema.get("x-sftc", {}).get("form")
        return form

    @property
    def share(self) -> str | None:
        """The key that says the same as a share of the run, if there is one."""
        share: str | None = self.schema.get("x-sftc", {}).get("share")
        return share

    def finding(self, rule: Rule, message: str, help: str | None = None, fix: Fix | None = None) -> Finding:
        """Return a finding of `rule` about the value."""
        return rule.finding(self.config.document.span(self.path), message, path=self.path, help=help, fix=fix)

    def example(self) -> str | None:
        """Return help that shows an example of the schema, if it has a plain one."""
        example = next(iter(self.schema.get("examples", ())), None)
        if example is None or isinstance(example, dict):
            return None
        value, name = orjson.dumps(example).decode(), self.path[-1]
        return f"for example: `{value}`" if isinstance(name, int) else f"for example: `{key(name)} = {value}`"


def explain_violations(config: Config) -> list[Finding]:
    """Return all findings of a contract's schemas about a config.

    Of the values of a wrong type in one table or array, the first are explained, and the last of
    these counts the others.
    """
    found: dict[tuple[str, Path], Finding] = {}
    wrong: Counter[Path] = Counter()
    last: dict[Path, tuple[str, Path]] = {}
    for error in violations(config.contract, config.document.values):
        path: Path = tuple(error.absolute_path)
        broken: Any = error.schema
        around = path[:-1] if error.validator == "type" else None
        if around is None or wrong[around] <= MOST_SHOWN:
            violation = Violation(config, path, error.validator_value, error.instance, broken)
            for finding in EXPLANATIONS.get(str(error.validator), _other)(violation):
                found.setdefault((finding.id, finding.path), finding)
                if around is not None:
                    last[around] = (finding.id, finding.path)
        if around is not None:
            wrong[around] += number_of(error)
            if wrong[around] > MOST_SHOWN + 1:
                found[last[around]] = found[last[around]]._replace(number=wrong[around] - MOST_SHOWN)
    return list(found.values())


_PLAIN_WORD: Final = re.compile(r"[\w./+-]+")
"""What neither a shell nor `sftc sweep` reads as more than one word."""

_NAME: Final = re.compile(r"[\w./-]+")
"""What a name in a list of names consists of; a pattern such as `.*_proj` is none."""

_NOTHING: Final = ("", "auto", "default", "none", "null")
"""Texts, in lower case, by which other programs leave a value to themselves."""

_LONGEST_ARRAY: Final = 200
"""The characters of an array that help shows, enough for every linear layer by its name."""

_EXPECTED: Final[Mapping[str, str]] = {
    "array": "an array",
    "boolean": "`true` or `false`",
    "integer": "an integer",
    "number": "a number",
    "object": "a table",
    "string": "a string",
}

_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (str, "string"),
    (dict, "table"),
    (list, "array"),
    (dt.datetime, "date-time"),
    (dt.date, "date"),
    (dt.time, "time"),
)


def _kind(value: Any) -> str:
    return next((word for kind, word in _KINDS if isinstance(value, kind)), type(value).__name__)


def _type(violation: Violation) -> Iterator[Finding]:
    value = violation.value
    expected = _types(violation.schema)
    wants_number = not {"integer", "number"}.isdisjoint(expected)
    if _kind(value) == "integer" and wants_number:
        if _is_beyond(value, violation.schema):  # jsonschema compares only what has the right type
            yield from _range(violation)
        else:
            yield _great_integer(violation)
    elif (
        isinstance(value, float) and value.is_integer() and fits_64_bits(int(value)) and "integer" in expected
    ):
        text = str(int(value))
        message = f"{violation.name} must be an integer, but {violation.written} is a float"
        fix = rewrite(violation.config.document, violation.path, text, safe=True)
        yield violation.finding(schema.FLOAT_FOR_INTEGER, message, f"write `{text}`", fix)
    elif isinstance(value, float) and "number" in expected:
        message = f"{violation.name} is {violation.written}, which JSON cannot represent"
        yield violation.finding(schema.NO_JSON_FORM, message, "write a finite number")
    elif isinstance(value, dt.date | dt.time) and len(expected) > 1:
        kind = _kind(value)
        message = f"{violation.name} is the {kind} {violation.written}, which JSON cannot represent"
        help = f'write it as a string: `"{violation.config.document.snippet(violation.path)}"`'
        yield violation.finding(schema.NO_JSON_FORM, message, help)
    else:
        yield _wrong_type(violation, expected)


def _great_integer(violation: Violation) -> Finding:
    if fits_64_bits(violation.value):
        message = (
            f"{violation.name} is beyond 2^53 - 1: {violation.written} may be rounded; JCS cannot hold it"
        )
        return violation.finding(
            schema.INTEGER_NOT_EXACT, message, "write the digits as a string if they are a name"
        )
    message = f"{violation.name} does not fit in 64 bits: {violation.written}"
    return violation.finding(schema.INTEGER_OUT_OF_RANGE, message, "write a smaller number")


def _wrong_type(violation: Violation, expected: list[str]) -> Finding:
    value, name = violation.value, dotted(violation.path)
    wanted = " or ".join(_EXPECTED[each] for each in expected)
    containers: dict[type, str] = {dict: "a table", list: "an array"}
    given = containers.get(type(value), f"the {_kind(value)} {violation.written}")
    message = f"`{name}` must be {wanted}, not {given}"
    help, fix = violation.example(), None
    if "object" in expected:
        single = isinstance(value, list) and any(isinstance(each, dict) for each in value)
        table = f"write it as a table, `[{name}]`{' with single brackets' if single else ''}"
        help = _switched(violation) or table
    elif advice := _word(violation) or _nothing(violation) or _newer(violation):
        help, fix = advice
    elif (
        (share := violation.schema.get("x-sftc", {}).get("share")) and type(value) is float and 0 < value < 1
    ):
        help = f"a share of the run is `{share} = {violation.config.document.snippet(violation.path)}`"
    elif isinstance(value, str) and (meant := without_quotes(value)):
        if any(TYPES[each](toml_value(meant[1])) for each in expected):
            help = unquoted_advice(violation.config.document.snippet(violation.path), meant[1])
            fix = rewrite(violation.config.document, violation.path, meant[1], safe=False)
    elif expected == ["array"] and not isinstance(value, dict):
        help, fix = _as_array(violation) or (help, None)
    elif isinstance(value, list) and "number" in expected and (number := _decimal_comma(value)):
        help = f"write a point, not a comma: `{number}`"
    elif isinstance(value, list) and (tried := _tried(value, violation.schema)):
        help = f"to try each of them: `sftc sweep CONFIG --set {name}={tried} --output-dir DIR`"
    if form := violation.form:
        message = f"`{name}` must be {form}, not {given}"
    return violation.finding(schema.WRONG_TYPE, message, help, fix)


def _switched(violation: Violation) -> str | None:
    """Return help for `lora = true`: a table has the name by which other trainers switch a key of its own."""
    others = violation.config.contract.names.others(str(violation.path[-1]))
    if not isinstance(violation.value, bool | str) or len(others) != 1:
        return None
    example = f"{others[0][-1]} = {violation.config.contract.example(others[0])}"
    return f"did you mean `{dotted(others[0])}`? For example: `{example}`"


def _word(violation: Violation) -> tuple[str, Fix | None] | None:
    """Return help and fix for a placeholder, and for another trainer's word for a value of the key."""
    document, path = violation.config.document, violation.path
    if isinstance(violation.value, str) and (placeholder := placeholder_in(violation.value)):
        return f"nothing replaces `{placeholder}`: {instead_of_placeholder(path)}", None
    meant = value_of_word(violation.schema, violation.value)
    if meant is None:
        return None
    return (f"write `{meant}`", rewrite(document, path, meant, safe=False)) if meant else _left_out(violation)


def _nothing(violation: Violation) -> tuple[str, Fix | None] | None:
    """Return help and fix for a text that stands for no value, where the key takes another type."""
    is_key = isinstance(violation.path[-1], str)
    is_nothing = isinstance(violation.value, str) and violation.value.strip().lower() in _NOTHING
    return _left_out(violation) if is_nothing and is_key else None


def _newer(violation: Violation) -> tuple[str, Fix | None] | None:
    """Return help for a value that only the newest version takes: several training files."""
    newest = violation.config.newest
    is_taken = violation.config.is_older and newest.allows(violation.path, violation.value)
    help = f"version {newest.version} takes it: `sftc migrate` rewrites the config for it"
    return (help, None) if is_taken else None


def _left_out(violation: Violation) -> tuple[str, Fix | None]:
    default = violation.schema.get("default")
    what = f": the default is `{orjson.dumps(default).decode()}`" if default is not None else ""
    return f"leave the key out{what}", remove(violation.config.document, violation.path, safe=False)


def _as_array(violation: Violation) -> tuple[str, Fix | None] | None:
    """Return help and fix that make an array of a value, of names their list; `None` if it is not allowed."""
    document, path, value = violation.config.document, violation.path, violation.value
    is_names = isinstance(value, str) and not violation.schema.get("x-sftc", {}).get("prose")
    parts = [*filter(None, re.split(r"[\s,]+", value))] if is_names else []
    items, shown, text = [value], f"[{document.snippet(path)}]", f"[{document.span(path).text}]"
    if len(parts) > 1:
        items, text = parts, f"[{', '.join(map(quoted, parts))}]"
        shown = text if len(text) <= _LONGEST_ARRAY else text[: _LONGEST_ARRAY - 1] + "…"
    are_names = not is_names or all(map(_NAME.fullmatch, parts))
    if not are_names or not violation.config.contract.allows(path, [*dict.fromkeys(items)]):
        return None
    return f"write it as an array: `{shown}`", rewrite(document, path, text, safe=False)


def _tried(values: list[Any], broken: Schema) -> str | None:
    """Return values as `sftc sweep` takes them, `None` unless they are some that a schema takes one of."""
    if not 1 < len(values) <= MOST_SHOWN or not any(
        all(map(TYPES[each], values)) for each in {*_types(broken)} - {"array", "object"}
    ):
        return None
    words = [each if isinstance(each, str) else orjson.dumps(each).decode() for each in values]
    return ",".join(words) if all(map(_PLAIN_WORD.fullmatch, words)) else None


def _decimal_comma(value: list[Any]) -> str | None:
    """Return the number that `[0,5]` was meant to be, `None` if it was not."""
    return f"{value[0]}.{value[1]}" if [type(each) for each in value] == [int, int] else None


_LIMITS: Final[Mapping[str, str]] = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
}


def _is_beyond(value: int, broken: Schema) -> bool:
    """Return whether a great integer is beyond a limit of its schema, which is far from both."""
    least, most = (
        [broken[word] for word in words if word in broken]
        for words in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
    )
    return any(value < limit for limit in least) or any(value > limit for limit in most)


def _range(violation: Violation) -> Iterator[Finding]:
    if type(violation.value) is float and "number" not in _types(violation.schema):
        return  # another violation reports the wrong type
    limits = [f"{words} {violation.schema[k]}" for k, words in _LIMITS.items() if k in violation.schema]
    message = f"{violation.name} must be {' and '.join(limits)}, not {violation.written}"
    help, fix = _word(violation) or (violation.example(), None)
    yield violation.finding(schema.OUT_OF_RANGE, message, help, fix)


def _text(violation: Violation) -> Iterator[Finding]:
    value = violation.value
    if not isinstance(value, str):  # another violation reports the wrong type
        return
    if not value.strip():
        yield violation.finding(schema.BLANK_STRING, f"{violation.name} is blank", violation.example())
    elif value != value.strip():
        text = quoted(value.strip())
        message = f"{violation.name} begins or ends with white space"
        fix = rewrite(violation.config.document, violation.path, text, safe=True)
        yield violation.finding(schema.SURROUNDING_SPACE, message, f"write `{text}`", fix)
    else:
        yield from _other(violation)


def _choice(violation: Violation) -> Iterator[Finding]:
    if not any(TYPES[each](violation.value) for each in _types(violation.schema)):
        return  # another violation reports the wrong type
    allowed = violation.schema.get("enum", [violation.schema.get("const")])
    choices = ", ".join(f"`{orjson.dumps(each).decode()}`" for each in allowed)
    message = (
        f"{violation.name} must be {'one of ' if len(allowed) > 1 else ''}{choices}, not {violation.written}"
    )
    help, fix, value = None, None, violation.value
    words = [each for each in allowed if isinstance(each, str)]
    if advice := _word(violation):
        help, fix = advice
    elif isinstance(value, str) and (meant := _meant(value, words)):
        help = f'did you mean "{meant}"?'
        fix = rewrite(violation.config.document, violation.path, quoted(meant), safe=False)
    yield violation.finding(schema.VALUE_NOT_ALLOWED, message, help, fix)


def _types(schema: Schema) -> list[str]:
    types = schema.get("type", list(TYPES))
    return [types] if isinstance(types, str) else types


def _meant(word: str, words: list[str]) -> str | None:
    """Return the one of `words` that `word` is in another spelling, almost is, or contains: `adamw_torch`."""
    written = plain(word)
    same = next((each for each in words if plain(each) == written), None)
    inside = (each for each in words if plain(each) in written)
    return same or near(word, words) or max(inside, key=len, default=None)


def _other(violation: Violation) -> Iterator[Finding]:
    """Explain a keyword by what the schema says that the value must be, or by the description of the key."""
    if violation.form:
        message = f"{violation.name} must be {violation.form}, not {violation.written}"
        advice, is_array = _word(violation), "array" in _types(violation.schema)
        if not advice and is_array and not _begins_an_example(violation):
            advice = _as_array(violation)
        help, fix = advice or (violation.example(), None)
        yield violation.finding(schema.VALUE_NOT_ALLOWED, message, help, fix)
        return
    message = f"{violation.name} must not be {violation.written}"
    yield violation.finding(schema.VALUE_NOT_ALLOWED, message, violation.schema.get("description"))


def _begins_an_example(violation: Violation) -> bool:
    """Return whether a text is the beginning of an example of its schema, in any spelling: `all`."""
    written = plain(str(violation.value))
    examples = (plain(each) for each in violation.schema.get("examples", ()) if isinstance(each, str))
    return any(each.startswith(written) for each in examples)


def _empty(violation: Violation) -> Iterator[Finding]:
    message = f"{violation.name} is empty: it needs at least {violation.limit}"
    yield violation.finding(schema.VALUE_NOT_ALLOWED, message, "name one, or leave the key out")


def _too_many(violation: Violation) -> Iterator[Finding]:
    message = (
        f"{violation.name} has {len(violation.value):,} values, and may have at most {violation.limit:,}"
    )
    yield violation.finding(schema.VALUE_NOT_ALLOWED, message, "remove some")


def _too_long(violation: Violation) -> Iterator[Finding]:
    length = f"{len(violation.value):,} characters"
    message = f"{violation.name} has {length}, and may have at most {violation.limit:,}"
    yield violation.finding(schema.VALUE_NOT_ALLOWED, message, "shorten it")


def _repeated(violation: Violation) -> Iterator[Finding]:
    message = f"{violation.written} is in `{dotted(violation.path[:-1])}` twice"
    yield violation.finding(schema.VALUE_NOT_ALLOWED, message, "remove one of the two")


def _required(violation: Violation) -> Iterator[Finding]:
    for name in violation.limit:
        if name not in violation.value:
            yield from _missing(violation, (*violation.path, name))


def _missing(violation: Violation, path: Path) -> Iterator[Finding]:
    absent = violation.config.contract.properties[path]
    if inner := absent.get("required"):
        for name in inner:
            yield from _missing(violation, (*path, name))
        return
    message = f"`{dotted(path)}` is missing"
    example = violation.config.contract.example(path)
    help = f"add `{path[-1]} = {example}`, with your own value, to `[{dotted(path[:-1])}]`"
    span = violation.config.document.span(path[:-1], "key")
    yield schema.MISSING_KEY.finding(span, message, path=path, help=help)


def _unknown(violation: Violation) -> Iterator[Finding]:
    known = violation.schema.get("properties", {})
    unknown = [
        name
        for name, value in violation.value.items()
        if name not in known and not (isinstance(value, dict) and list(value) == [SELECTOR])
    ]  # a table with only a misplaced version has a finding about that
    for name in unknown[:MOST_SHOWN]:
        yield unknown_keys.explain_unknown_key(violation.config, (*violation.path, name))
    for name in unknown[MOST_SHOWN:]:  # what they may mean takes long to find, and is not shown
        yield unknown_keys.unknown_key(violation.config, (*violation.path, name))


def _legacy(violation: Violation) -> Iterator[Finding]:
    document, path = violation.config.document, violation.path
    choices = violation.config.contract.upgrade.choices
    choice = next((each for each in choices if each.source == path), None)
    message = f"{violation.name} is a legacy key" + ("" if choice else " and is never sent")
    is_right = any(TYPES[each](violation.value) for each in _types(violation.schema))
    if choice:  # a wrong value, such as "true" in quotes, is a finding of its own, and its fix is a guess
        fix = replacement(document, choice) if is_right else None
    else:
        fix = remove(document, path, safe=False)
    help = violation.schema["x-sftc"]["instead"]
    yield schema.LEGACY_KEY.finding(document.span(path, "key"), message, path=path, help=help, fix=fix)


EXPLANATIONS: Final[Mapping[str, Callable[[Violation], Iterator[Finding]]]] = {
    "type": _type,
    "minimum": _range,
    "maximum": _range,
    "exclusiveMinimum": _range,
    "exclusiveMaximum": _range,
    "pattern": _text,
    "not": _text,
    "const": _choice,
    "enum": _choice,
    "required": _required,
    "additionalProperties": _unknown,
    "deprecated": _legacy,
    "minItems": _empty,
    "maxItems": _too_many,
    "maxLength": _too_long,
    "uniqueItems": _repeated,
}

"""What commands print as a table or as JSON: `sftc explain`, `diff`, `sweep`, `import` and `targets`.

The version of each JSON format is 1.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from sftc.contract.targets import Target
from sftc.document.overrides import toml_value
from sftc.payload.origins import place
from sftc.report.json import to_json
from sftc.report.terminal import printable
from sftc.text.keys import ABSENT, dotted
from sftc.text.plural import counted
from sftc.text.source import Span, escaped
from sftc.tools.describe_target import KeyInTarget, Limit
from sftc.tools.diff import Change, Sum
from sftc.tools.explain import KeyAccount, ValueAccount
from sftc.tools.import_account import SourceKey, source_name
from sftc.tools.sweep import KeyValues, Variant


def account_table(keys: Sequence[KeyAccount], values: Sequence[ValueAccount]) -> str:
    """Return a table of a config's keys and a table of its payload's values."""
    parts = []
    if keys:
        head = ("line", "key", "fate", "where, or why not")
        parts.append(columns([head, *map(_key, keys)]))
    if values:
        head = ("payload", "value", "from", "rule")
        parts.append(columns([head, *map(_value, values)]))
    return "\n".join(parts)


def account_json(keys: Sequence[KeyAccount], values: Sequence[ValueAccount]) -> str:
    """Return a config's keys and its payload's values as JSON."""
    report = {
        "version": 1,
        "keys": [{**key._asdict(), "path": dotted(key.path), "span": _span(key.span)} for key in keys],
        "values": [
            {
                "pointer": value.at,
                "value": value.value,
                "from": value.origin.kind,
                "key": dotted(value.origin.path) if value.origin.path else None,
                "span": _span(value.origin.span),
                "rule": value.origin.rule,
                "why": value.why,
            }
            for value in values
        ],
    }
    return to_json(report)


def _span(span: Span | None) -> dict[str, Any] | None:
    return span and {"file": escaped(span.source.name), "line": span.line, "column": span.column}


def _key(key: KeyAccount) -> Sequence[str]:
    source, line = key.span.source, key.span.line
    where = f"{source.name}:{line}" if source.depth else str(line)
    return where, dotted(key.path), key.fate, key.to or key.why or "the contract has no such key"


def _value(value: ValueAccount) -> Sequence[str]:
    return value.at, json_cell(value.value), place(value.origin), value.origin.rule


def comparison_table(changes: Sequence[Change], sums: Sequence[Sum]) -> str:
    """Return a table of the differences between two configs, followed by derived values that changed."""
    rows = [
        (each.at, json_cell(each.before), each.before_place, json_cell(each.after), each.after_place)
        for each in changes
    ]
    text = columns([("what", "before", "from", "after", "from"), *rows])
    for each in sums:
        text += f"\n{each.name}: {each.before or 'not set'} -> {each.after or 'not set'}"
    return text + ("\n" if sums else "")


def comparison_json(changes: Sequence[Change], sums: Sequence[Sum]) -> str:
    """Return the differences between two configs as JSON."""

    def side(value: object, place: str) -> object:
        return None if value is ABSENT else {"value": value, "from": escaped(place)}

    report = {
        "version": 1,
        "changes": [
            {
                "at": each.at,
                "before": side(each.before, each.before_place),
                "after": side(each.after, each.after_place),
            }
            for each in changes
        ],
        "consequences": [each._asdict() for each in sums],
    }
    return to_json(report)


def variants_table(values: Sequence[KeyValues], variants: Sequence[Variant]) -> str:
    """Return a table of the variants of a config: the file of each, and its values."""
    head = ("file", *(dotted(each.path) for each in values))
    return columns([head, *((each.source.name, *each.values) for each in variants)])


def variants_json(values: Sequence[KeyValues], variants: Sequence[Variant]) -> str:
    """Return the variants of a config as JSON."""
    keys = [dotted(each.path) for each in values]
    files = [
        {
            "path": escaped(each.source.name),
            "values": dict(zip(keys, map(toml_value, each.values), strict=True)),
        }
        for each in variants
    ]
    return to_json({"version": 1, "files": files})


def source_table(keys: Sequence[SourceKey]) -> str:
    """Return a table of what became of each key of another trainer's config, and how many have each fate."""
    if not keys:
        return ""
    head = ("line", "key", "fate", "where, or why not")
    rows = [(str(each.finding.span.line), source_name(each.path), each.fate, each.text) for each in keys]
    fates = Counter(each.fate for each in keys)
    counts = ", ".join(f"{number} {fate}" for fate, number in fates.items())
    return f"{columns([head, *rows])}\n{counted(len(keys), 'key')}: {counts}\n"


def targets_table(targets: Iterable[Target]) -> str:
    """Return a table of targets."""
    head = ("target", "what is written", "reader")
    rows = [
        (each.name, each.facts.title, f"{each.facts.package} {each.facts.version}".strip())
        for each in targets
    ]
    return columns([head, *rows])


def targets_json(targets: Iterable[Target]) -> str:
    """Return what each target is as JSON."""
    return to_json({"version": 1, "targets": [*map(_facts, targets)]})


def _facts(target: Target) -> dict[str, Any]:
    files = [{"name": each.name, "form": each.form} for each in target.facts.files]
    return {"name": target.name, **target.facts._asdict(), "files": files}


def target_table(target: Target, keys: Iterable[KeyInTarget]) -> str:
    """Return what a target is, and a table of the keys of the language as it has them."""
    facts = target.facts
    lines = [f"{target.name}: {facts.title}"]
    if facts.command:
        lines.append(f"read by `{facts.command}`; tested with {facts.package} {facts.version}")
        lines.append(facts.documentation)
    files = ", ".join(each.name for each in facts.files)
    lines.append(f"files: {files}")
    rows = [(dotted(each.path), each.verdict, *_where(each)) for each in keys]
    return (
        "".join(f"{line}\n" for line in lines)
        + "\n"
        + columns([("key", "verdict", "where, or why not"), *rows])
    )


def target_json(target: Target, keys: Iterable[KeyInTarget]) -> str:
    """Return what a target is, and the keys of the language as it has them, as JSON."""
    listed = [
        {
            "key": dotted(each.path),
            "verdict": each.verdict,
            "to": each.to,
            "limits": [limit._asdict() for limit in each.limits],
            "why": each.why or None,
        }
        for each in keys
    ]
    return to_json({"version": 1, **_facts(target), "keys": listed})


def _where(key: KeyInTarget) -> Iterator[str]:
    limits = "; ".join(limit_text(each) for each in key.limits)
    yield "; ".join(filter(None, [", ".join(key.to), limits or ("" if key.to else key.why)]))


def limit_text(limit: Limit) -> str:
    """Return which values of a key a target cannot express, and why."""
    only = "" if limit.takes is None else f" unless {_allowed(limit.takes)}"
    return f"{limit.severity}{only}: {limit.why}"


_WORDS = {
    "const": "{}",
    "enum": "one of {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "maxItems": "a list of at most {}",
    "maxLength": "at most {} long",
    "multipleOf": "a multiple of {}",
    "pattern": "like `{}`",
    "items": "all items are {}",
}


def _allowed(takes: dict[str, Any]) -> str:
    parts = []
    for word, value in takes.items():
        text = _allowed(value) if isinstance(value, dict) else orjson.dumps(value).decode()
        parts.append(_WORDS.get(word, f"{word} {{}}").format(text))
    return " and ".join(parts)


def json_cell(value: object) -> str:
    """Return `value` as JSON on one line, or `-` if it is absent."""
    return "-" if value is ABSENT else orjson.dumps(value, default=str).decode()


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return `rows` of cells as aligned lines. Each column is as wide as its widest cell."""
    table = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in table
    )

"""Tables of text: the output of `sftc explain` and `sftc diff`."""

from collections.abc import Iterable, Sequence

import orjson

from sftc.payload.origins import place
from sftc.report.terminal import printable
from sftc.text.keys import ABSENT, dotted
from sftc.tools.diff import Change, Sum
from sftc.tools.explain import KeyAccount, ValueAccount


def account(keys: Sequence[KeyAccount], values: Sequence[ValueAccount]) -> str:
    """Return a table of a config's keys and a table of its payload's values."""
    parts = []
    if keys:
        head = ("line", "key", "fate", "where, or why not")
        parts.append(columns([head, *map(_key, keys)]))
    if values:
        head = ("payload", "value", "from", "rule")
        parts.append(columns([head, *map(_value, values)]))
    return "\n".join(parts)


def _key(key: KeyAccount) -> Sequence[str]:
    return str(key.span.line), dotted(key.path), key.fate, key.to or key.why or "the contract has no such key"


def _value(value: ValueAccount) -> Sequence[str]:
    return value.at, json_cell(value.value), place(value.origin), value.origin.rule


def comparison(changes: Sequence[Change], sums: Sequence[Sum]) -> str:
    """Return a table of the differences between two configs, followed by derived values that changed."""
    rows = [
        (each.at, json_cell(each.before), each.before_place, json_cell(each.after), each.after_place)
        for each in changes
    ]
    text = columns([("what", "before", "from", "after", "from"), *rows])
    for each in sums:
        text += f"\n{each.name}: {each.before or 'not set'} -> {each.after or 'not set'}"
    return text + ("\n" if sums else "")


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

"""Explains why a row does not fit the row schema. One cause gives one remark."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import orjson

from sftc.contract.row_violations import Misfit, row_violations
from sftc.contract.schemas import Schemas
from sftc.dataset.advice import TOKENS
from sftc.dataset.convert.row_formats import COLUMNS, FormatReading, flat, inner_rows, reading_of
from sftc.dataset.excerpt import Remark
from sftc.dataset.message_keys import meant_key
from sftc.dataset.tool_calls import calls_of, old_call
from sftc.findings.stage_rules.rows import ROW_SHAPE
from sftc.text.keys import Path, dotted
from sftc.text.suggest import near

_FORM: Final = '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
_CONVERT: Final = "`sftc dataset convert` writes it as messages"
_MOST: Final = 1000
"""The violations of a row that are looked at."""
_LISTS: Final = (("tools",), ("messages",), ("messages", "*", "tool_calls"))
"""Where lists are that people write as JSON in a string, or without brackets if they have one item."""
_GEMINI_TOOLS: Final = {"functionDeclarations", "function_declarations"}
_NAMED: Final = 8
"""The columns that a message lists at most."""

_KINDS: Final = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    dict: "an object",
    list: "a list",
    type(None): "null",
}

_MESSAGE_FORMATS: Final = (
    ("ShareGPT", {"from", "value"}),
    ("Gemini", {"role", "parts"}),
    ("messages with other keys", {"role", "text"}),
    ("messages with other keys", {"role", "value"}),
    ("messages with other keys", {"from", "content"}),
    ("messages with other keys", {"author", "content"}),
    ("messages with other keys", {"speaker", "text"}),
    ("messages with other keys", {"from", "text"}),
    ("messages with roles as keys", {"user"}),
    ("messages with roles as keys", {"assistant"}),
)
"""Other formats of messages by the names that a message of each has. The first that fits counts.

`convert/row_formats.py` has those of rows.
"""


def explain_row(schemas: Schemas, row: Any) -> list[Remark]:
    """Return remarks that explain why `row`, a parsed JSON value, does not fit the row schema.

    A row in another format has one remark. Of values that are wrong in the same way, the first has
    a remark that counts the others.
    """
    if other := _other_format(row):
        return [other]
    errors = [*islice(row_violations(schemas, row), _MOST)]
    inner = {error.path[:end] for error in errors for end in range(len(error.path))}
    whole = {error.path for error in errors if error.keyword == "anyOf"} - inner
    found: dict[tuple[object, ...], Remark] = {}
    alike: Counter[tuple[object, ...]] = Counter()
    for error in errors:
        if error.keyword == "anyOf" and error.path in inner:
            continue  # the deeper violation explains why no alternative fits
        if error.keyword == "required" and error.path in whole:
            continue  # the remark about the whole object names what it has
        for key, remark in _remarks(error):
            found.setdefault(key, remark)
            alike[key] += 1
    remarks = [
        remark._replace(message=f"{remark.message}, and {number - 1:,} more alike") if number > 1 else remark
        for remark, number in zip(found.values(), alike.values(), strict=True)
    ]
    return sorted(remarks, key=lambda remark: _order(row, remark.path))


def _other_format(row: Any) -> Remark | None:
    """Return a remark about a row that is written in another format as a whole."""
    if isinstance(row, str):
        with suppress(ValueError):
            if isinstance(orjson.loads(row), dict):
                return Remark(ROW_SHAPE, "the row is a string that contains JSON", help=_CONVERT)
    if not isinstance(row, dict):
        return None
    messages = row.get("messages")
    if isinstance(messages, str) and messages.strip()[:1] == "[":
        message = "`messages` is a string that contains JSON, not a list"
        return Remark(ROW_SHAPE, message, ("messages",), _CONVERT)
    if isinstance(messages, list) and messages:
        known = _message_format(messages[0])
        if known and not {"role", "content"} <= messages[0].keys() and not messages[0].get("tool_calls"):
            text = f"`messages[0]` has {_names(messages[0])} instead of `role` and `content`"
            return Remark(ROW_SHAPE, text, ("messages", 0), f"this looks like {known}: {_CONVERT}")
    if messages is None and row.keys() - {"messages"}:
        reading = reading_of(flat(row))
        help = _about_reading(reading) if reading else _about_columns(row)
        return Remark(ROW_SHAPE, f"the row has no `messages`: it has {_names(row)}", ("messages",), help)
    return None


def _about_reading(reading: FormatReading) -> str:
    """Return what to do with a row whose columns are known."""
    if reading.format == "messages":
        named = " and ".join(f"`{name[:40]}`" for name in reading.columns["messages"])
        return f"the messages are in {named}: {_CONVERT}"
    return f"this looks like {reading.title}: {_CONVERT}"


def _message_format(message: Any) -> str | None:
    """Return the title of the other format that a message is in, whatever the case of its names."""
    names = {name.lower() for name in message} if isinstance(message, dict) else set()
    return next((title for title, needed in _MESSAGE_FORMATS if needed <= names), None)


def _about_columns(row: dict[str, Any]) -> str:
    """Return what to do with a row whose columns are not known."""
    if misspelt := next((name for name in row if near(name, ["messages"])), None):
        return f"did you mean `messages` instead of `{misspelt[:40]}`?"
    if isinstance(row.get("input_ids"), list):
        return "the text is in tokens: use the rows from before that step"
    texts = [name for name, each in row.items() if isinstance(each, str)]
    if any(TOKENS.search(row[name]) for name in texts):
        return "a chat template was applied to the text: use the rows from before that step"
    if inner := inner_rows(row):
        return inner
    if len(texts) < 2:
        return f"write the row as `{_FORM}`"
    are_plain = all(map(str.isidentifier, texts)) and not COLUMNS & {*map(str.lower, texts)}
    is_clear = len(texts) == 2 and are_plain
    question, answer = texts if is_clear else ("QUESTION", "ANSWER")
    return f"name its columns: `sftc dataset convert --map {question}=user --map {answer}=assistant`"


def _remarks(error: Misfit) -> Iterator[tuple[tuple[object, ...], Remark]]:
    """Yield the remarks about a violation, each with a key that is equal for those that are alike."""
    keyword, path, schema, value = error
    general = tuple("*" if isinstance(part, int) else part for part in path)
    if keyword == "required":
        for name in schema["required"]:
            if name not in value:
                expected = schema["properties"][name]["title"]
                text = f"`{dotted((*path, name))}` is missing: expected {expected}"
                yield (*general, name), Remark(ROW_SHAPE, text, (*path, name), _help(general, value))
    elif general == ("messages", "*") and (old := _old_call(value, path)):
        yield (*general, "function_call"), old
    else:
        given = _given(value)
        name = f"`{dotted(path)}`" if path else "the row"
        text = f"{name} must be {schema['title']}, not {given}"
        yield (*general, ":", given), Remark(ROW_SHAPE, text, path, _help(general, value))


def _help(place: tuple[object, ...], value: Any) -> str | None:
    """Return what to do about a value that does not fit at a place."""
    if place == ("messages", "*") and isinstance(value, dict):
        other = _message_format(value)
        return meant_key(value) or (other and f"this looks like {other}: {_CONVERT}")
    if place in _LISTS and isinstance(value, str) and value.strip()[:1] in {"[", "{"}:
        return "it is JSON in a string: `sftc dataset convert` writes it as a list"
    if place in _LISTS and isinstance(value, dict) and value.keys() & {"function", "name", "role"}:
        return "write it in a list: `[{...}]`"
    if place == ("tools", "*") and isinstance(value, dict) and value.keys() & _GEMINI_TOOLS:
        return "this looks like Gemini: `sftc dataset convert` writes them as tools"
    return None


def _old_call(message: Any, path: Path) -> Remark | None:
    """Return a remark about the `function_call` of a message that has nothing else."""
    calls = calls_of(message, int(path[-1])) if isinstance(message, dict) else []
    old = next((call for call in calls if call.is_old), None)
    return Remark(ROW_SHAPE, old_call(old)[0], old.path, old_call(old)[1]) if old else None


def _given(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        return "a blank string"
    if value == []:
        return "an empty list"
    if isinstance(value, dict):
        return f"an object with {_names(value)}" if value else "an empty object"
    return _KINDS[type(value)]


def _names(value: dict[str, Any]) -> str:
    """Return the names in an object, as messages list them."""
    names = [f"`{name[:40]}`{_state(each)}" for name, each in [*value.items()][:_NAMED]]
    return ", ".join(names) + ", ..." * (len(value) > _NAMED)


def _state(value: Any) -> str:
    """Return a note about a value that is present but counts as missing."""
    if value is None:
        return " (null)"
    if isinstance(value, str) and not value.strip():
        return " (blank)"
    return " (empty)" if value in ({}, []) else ""


def _order(row: Any, path: Path) -> list[int]:
    """Return a key that sorts paths by their position in the text of the row."""
    order = []
    for part in path:
        if isinstance(row, dict):
            order.append([*row].index(part) if part in row else -1)
            row = row.get(part)
        else:
            order.append(int(part))
            row = row[part]
    return order

"""Warnings about the conversation in a row that fits the schema."""

import re
from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Final

from stringzilla import find

from sftc.dataset.excerpt import Remark, row_json
from sftc.dataset.message_keys import left_out_by, meant_key
from sftc.dataset.roles import CALLS, ROLES, SYSTEM, meant_role
from sftc.dataset.tool_calls import Row, RowMessage, calls_of, tool_remarks
from sftc.findings.stage_rules import conversations
from sftc.text.characters import is_blank
from sftc.text.keys import Path, dotted

_TURNS: Final = ("user", "assistant")
_ASKING: Final = (*SYSTEM, "user")
_TEXT_TYPES: Final = ("text", "input_text", "output_text")
_NAMED: Final = 5
"""The names that a message lists at most."""

TOKENS: Final = re.compile(
    r"<\|[\w ./-]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?SYS>>|<</?SYS>>|\[/?INST\]"
    r"|<(?:start_of_turn|end_of_turn|bos|eos)>|\A\s*<s>|</s>\s*\Z"
)
"""Special tokens of chat templates. `<s>` is also an HTML tag, so it counts only at the ends of a text."""

SIGNS: Final = (
    b"<|",
    b"</s>",
    b"<s>",
    b"SYS>>",
    b"_of_turn>",
    b"<bos>",
    b"<eos>",
    b"<\xef",
    b"<\\",
    b"INST]",
)
"""At least one of these is in the JSON of every row with a special token, unless the row escapes ASCII."""

_IMAGES: Final = ("image", "image_url", "input_image")
_SOURCES: Final = ("image_url", "image", "url", "path", "file", "file_id", "data", "base64", "source")
_COLUMNS: Final = ("images", "image")
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*(\\u0000)")


def advice(row: Row, data: bytes) -> Iterator[Remark]:
    """Yield remarks about `row`, which fits the schema. `data` is its JSON."""
    for check in CHECKS:
        yield from check(row)
    if find(data, b"\\u00") >= 0 or any(find(data, sign) >= 0 for sign in SIGNS):
        yield from _tokens(row)


def nul(text: str) -> Iterator[Remark]:
    """Yield a remark for each escaped NUL in `text`, the JSON of a row."""
    for match in _NUL.finditer(text):
        yield Remark(
            conversations.NUL_IN_TEXT, "the text contains a NUL character, `\\u0000`", at=match.span(1)
        )


def texts(message: RowMessage) -> Iterator[tuple[Path, str]]:
    """Yield the texts in the content of `message`, each with its path inside the message."""
    content = message.get("content")
    if isinstance(content, str):
        yield ("content",), content
    elif isinstance(content, dict):
        yield from _part(("content",), content)
    elif isinstance(content, list):
        for index, part in enumerate(content):
            if isinstance(part, str):
                yield ("content", index), part
            else:
                yield from _part(("content", index), part)


def _part(path: Path, part: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if isinstance(text := part.get("text"), str):
        yield (*path, "text"), text


def _assistant(row: Row) -> Iterator[Remark]:
    roles = [meant_role(message["role"]) or message["role"] for message in row["messages"]]
    if "assistant" not in roles:
        message = "this row has no assistant message, so there is nothing to train on"
        yield Remark(conversations.NO_ASSISTANT, message, ("messages",))
    elif roles[-1] != "assistant":
        message = f"the row ends with a `{roles[-1][:40]}` message, which has no answer"
        yield Remark(conversations.LAST_NOT_ASSISTANT, message, ("messages", len(roles) - 1, "role"))


def _blank(row: Row) -> Iterator[Remark]:
    for index, message in enumerate(row["messages"]):
        path = ("messages", index, "content")
        if message["role"] == "assistant":
            if not calls_of(message, index) and _shows_nothing(message):
                text = "this assistant message is blank"
                yield Remark(conversations.BLANK_ASSISTANT, text, path, _why_blank(message))
        elif message["role"] in _ASKING and _shows_nothing(message):
            text = f"this {message['role']} message is blank"
            yield Remark(conversations.BLANK_MESSAGE, text, path, _why_blank(message))


def _shows_nothing(message: RowMessage) -> bool:
    """Return whether the content of `message` has no text that is seen, and nothing but texts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content or ""]
    return all(map(_is_blank_part, parts))


def _is_blank_part(part: Any) -> bool:
    if isinstance(part, dict) and part.get("type") in _TEXT_TYPES:
        text = part.get("text")
        return not isinstance(text, str) or is_blank(text)
    return not is_image(part) and not _shows(part)


def _shows(value: Any) -> bool:
    """Return whether a part of another type, or a value in it, shows anything."""
    left = [value]  # a stack, because the value may be nested deeper than Python calls
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += [inner for name, inner in each.items() if name != "type"]
        elif isinstance(each, list):
            left += each
        elif not is_blank(each) if isinstance(each, str) else each is not None:
            return True
    return False


def _why_blank(message: RowMessage) -> str | None:
    """Return what to write if the text of a message without text is at another place."""
    if key := meant_key(message):
        return key
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict) and _shows(part):
            return "write the text of the part as `text`, a string: chat templates read nothing else"
    return None


_REPORTED: Final = (inf, -inf)
"""What numbers beyond the range of readers are here: they have a finding of their own."""


def _weights(row: Row) -> Iterator[Remark]:
    weights = []
    others: list[Path] = []
    for index, message in enumerate(row["messages"]):
        if message["role"] == "assistant":
            if other := left_out_by(message):
                others.append(("messages", index, other))
            weight = message.get("weight")
            weights.append(weight)
            if weight not in (None, 0, 1, *_REPORTED):
                text = f"`weight` is {row_json(weight)[:40]}: only 0 and 1 have a meaning"
                help = f"remove the quotes: `{weight}`" if weight in ("0", "1") else None
                yield Remark(conversations.MESSAGE_WEIGHT, text, ("messages", index, "weight"), help)
    if others:
        more = f", and {len(others) - 1:,} more" if len(others) > 1 else ""
        text = f"`{others[0][-1]}` is not read: this answer is trained on{more}"
        help = "write `weight: 0` instead, as `sftc dataset convert` does"
        yield Remark(conversations.MESSAGE_WEIGHT, text, others[0], help)
    if weights and all(weight == 0 for weight in weights):
        index = next(at for at, message in enumerate(row["messages"]) if message["role"] == "assistant")
        text = "nothing in this row is trained on: each answer has `weight: 0`"
        yield Remark(conversations.NOTHING_TRAINED, text, ("messages", index, "weight"))


def _roles(row: Row) -> Iterator[Remark]:
    unknown: dict[str, int] = {}
    for index, message in enumerate(row["messages"]):
        if message["role"] not in ROLES:
            unknown.setdefault(message["role"], index)
    if not unknown:
        return
    shown = [*unknown][:_NAMED]
    names = ", ".join(f"`{role[:40]}`" for role in shown) + (", ..." if len(unknown) > _NAMED else "")
    meant = {role: other for role in shown if (other := meant_role(role))}
    if any(role.strip().lower() in CALLS for role in shown):
        help = "`sftc dataset convert` writes the calls as `tool_calls` of the assistant"
    elif len(unknown) == len(meant) == 1:
        help = f"did you mean `{meant[shown[0]]}`?"
    elif meant:
        help = "write " + ", ".join(f"`{other}` for `{role[:40]}`" for role, other in meant.items())
    else:
        help = f"use one of {', '.join(f'`{role}`' for role in ROLES)}"
    text = f"chat templates do not know the role{'s' * (len(unknown) > 1)} {names}"
    yield Remark(conversations.UNKNOWN_ROLE, text, ("messages", unknown[shown[0]], "role"), help)


def _turns(row: Row) -> Iterator[Remark]:
    """Yield remarks about the first messages that break the order that some chat templates ask for."""
    roles = [message["role"] for message in row["messages"]]
    late = next((at for at, role in enumerate(roles) if at and role in SYSTEM), None)
    if late is not None:
        text = f"this {roles[late]} message is not the first message"
        yield Remark(conversations.LATE_SYSTEM, text, ("messages", late, "role"))
    before = "assistant"
    for at, role in enumerate(roles):
        if role == before and role in _TURNS and not (at and calls_of(row["messages"][at - 1], at)):
            begins = all(each in SYSTEM for each in roles[:at])
            text = f"two {role} messages follow each other"
            if begins:
                text = "the conversation begins with the assistant"
            yield Remark(conversations.NOT_ALTERNATING, text, ("messages", at, "role"))
            return
        before = before if role in SYSTEM else role


def _images(row: Row) -> Iterator[Remark]:
    if any(row.get(column) for column in _COLUMNS):
        return  # the parts are placeholders: the images are in a column of the row
    for index, message in enumerate(row["messages"]):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if is_image(part) and not _source(part):
                path = ("messages", index, "content", place)
                yield Remark(
                    conversations.IMAGE_WITHOUT_SOURCE, f"the image part `{dotted(path)}` has no image", path
                )


def is_image(part: Any) -> bool:
    """Return whether a part of a message's content is an image."""
    return isinstance(part, dict) and part.get("type") in _IMAGES


def _source(part: dict[str, Any], levels: int = 2) -> bool:
    """Return whether `part`, or an object up to `levels` deep in it, names the source of its image."""
    for each in map(part.get, _SOURCES):
        if isinstance(each, dict) and levels:
            if each.get("id") or _source(each, levels - 1):
                return True
        elif each:
            return True
    return False


def _tokens(row: Row) -> Iterator[Remark]:
    for index, message in enumerate(row["messages"]):
        for path, text in texts(message):
            if match := TOKENS.search(text):
                message_ = f"the text contains `{match[0].strip()}`, a special token of a chat template"
                yield Remark(conversations.SPECIAL_TOKEN, message_, ("messages", index, *path))


CHECKS: Final[tuple[Callable[[Row], Iterator[Remark]], ...]] = (
    _assistant,
    _blank,
    _weights,
    _roles,
    _turns,
    tool_remarks,
    _images,
)

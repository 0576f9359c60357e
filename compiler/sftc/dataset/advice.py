"""Warnings about the conversation in a row that fits the schema."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from stringzilla import find

from sftc.dataset.excerpt import Remark
from sftc.findings.stage_rules import conversations
from sftc.text.keys import Path, dotted
from sftc.text.suggest import near

Row = dict[str, Any]
RowMessage = dict[str, Any]

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_RESULTS: Final = {"tool", "function"}
_OTHER_NAMES: Final = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}

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

BLANKS: Final = " \n\r\t\f\u00a0\u3000"
"""An answer that has only these characters is blank."""

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
    roles = [message["role"] for message in row["messages"]]
    if "assistant" not in roles:
        message = "this row has no assistant message, so there is nothing to train on"
        yield Remark(conversations.NO_ASSISTANT, message, ("messages",))
    elif roles[-1] != "assistant":
        message = f"the row ends with a `{roles[-1][:40]}` message, which has no answer"
        yield Remark(conversations.LAST_NOT_ASSISTANT, message, ("messages", len(roles) - 1, "role"))


def _blank(row: Row) -> Iterator[Remark]:
    for index, message in enumerate(row["messages"]):
        if message["role"] == "assistant" and not message.get("tool_calls"):
            content = message.get("content")
            if not content or (isinstance(content, str) and not content.strip(BLANKS)):
                yield Remark(
                    conversations.BLANK_ASSISTANT,
                    "this assistant message is blank",
                    ("messages", index, "content"),
                )


def _roles(row: Row) -> Iterator[Remark]:
    for index, message in enumerate(row["messages"]):
        role = message["role"]
        if role not in ROLES:
            meant = _OTHER_NAMES.get(role) or near(role, ROLES)
            help = f"did you mean `{meant}`?" if meant else f"use one of {', '.join(f'`{r}`' for r in ROLES)}"
            text = f"chat templates do not know the role `{role[:40]}`"
            yield Remark(conversations.UNKNOWN_ROLE, text, ("messages", index, "role"), help)


def _results(row: Row) -> Iterator[Remark]:
    calls: set[object] = set()
    for index, message in enumerate(row["messages"]):
        calls.update(_id(call) for call in message.get("tool_calls") or ())
        if "function_call" in message:
            calls.add(None)
        if message["role"] in _RESULTS:
            answered = message.get("tool_call_id")
            if not calls:
                text = "this tool result has no call: no earlier message has `tool_calls`"
                yield Remark(conversations.RESULT_WITHOUT_CALL, text, ("messages", index, "role"))
            elif answered is not None and None not in calls and answered not in calls:
                text = f"no earlier tool call has the id `{answered[:40]}`"
                yield Remark(conversations.RESULT_WITHOUT_CALL, text, ("messages", index, "tool_call_id"))


def _id(call: dict[str, Any]) -> str | None:
    """Return the id of a tool call, or `None` if it has none. `None` matches any result."""
    name = call.get("id")
    return name if isinstance(name, str) else None


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
    _roles,
    _results,
    _images,
)

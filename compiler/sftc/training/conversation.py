"""A row of a training file, in the form that chat templates read, with marks around each of its texts."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

import orjson

ChatMessage = dict[str, Any]

_TAGS: Final = "think|thinking|thought|reasoning|seed:think"
THOUGHT_BEGINS: Final = re.compile(rf"(?:<(?:{_TAGS})>|\[THINK\])\s*\Z")
"""The end of a text after which a thought follows."""

_THOUGHT: Final = re.compile(
    rf"(?s)(?:<(?P<tag>{_TAGS})>(?P<one>.*?)</(?P=tag)>"
    r"|\[THINK\](?P<other>.*?)\[/THINK\])"
)
_REASONING: Final = ("reasoning_content", "thinking", "reasoning")
"""The keys of a message that hold its thoughts. Templates read the first or the second."""

_CODES: Final = range(0x20000, 0x323B0)
RARE: Final = re.compile(f"[{chr(_CODES[0])}-{chr(_CODES[-1])}]")
"""Rare Chinese characters: printable, so that neither JSON nor Python's `repr` escapes them."""


class UnspeakableError(Exception):
    """A row cannot be trained on. The message says why."""


class TemplateRefusesError(UnspeakableError):
    """The chat template refuses a row, fails on it, or writes it in a way that no model should read."""


class NotTextError(UnspeakableError):
    """A row has a content that is not text."""


class Mark(Protocol):
    """Puts marks around a text."""

    def __call__(self, text: str, piece: "Piece") -> str:
        """Return the text with the marks of `piece`."""


class Form(NamedTuple):
    """A way to write messages. Templates accept different ones.

    Attributes:
        objects: whether the arguments of tool calls are an object; otherwise they are JSON text.
        empty: the content of a message that only calls tools.
        parts: whether a content is a list with one text part; otherwise it is the text.
    """

    objects: bool = True
    empty: str | None = ""
    parts: bool = False


FORMS: Final = (
    Form(),
    Form(objects=False),
    Form(empty=None),
    Form(objects=False, empty=None),
    Form(parts=True),
)


class Piece(NamedTuple):
    """A text of a conversation: its message, what it is (`text`, `thought` or `call`), and its number.

    The texts of one tool call share a number.
    """

    message: int
    kind: str
    number: int


def read_row(line: bytes) -> dict[str, Any]:
    """Return the row on a line of a training file.

    Raises:
        UnspeakableError: the line is not JSON, or has a number that no double can hold.
    """
    try:
        row: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        is_number = "number" in error.msg
        reason = "a number is beyond the range of JSON readers" if is_number else str(error)
        raise UnspeakableError(f"it cannot be read: {reason}") from error
    return row


def read_messages(row: Mapping[str, Any], form: Form) -> list[ChatMessage]:
    """Return the messages of a row in the form that chat templates expect.

    Contents are text, empty keys are left out, and `weight` is not part of a message.

    Raises:
        NotTextError: a message has content that is not text.
    """
    return [_plain(message, form) for message in row["messages"]]


def read_tools(row: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the tools of a row in the form that chat templates expect, or `None` if it has none."""
    tools = row.get("tools") or []
    return [tool if "function" in tool else {"type": "function", "function": tool} for tool in tools] or None


def mark_messages(
    messages: list[ChatMessage], taken: set[str], *, names: bool
) -> tuple[list[ChatMessage], dict[str, Piece]]:
    r"""Return the messages with a unique character at the start and the end of each text, and its owners.

    Spaces around a text and the tags around thoughts stay outside the marks, so that a template that
    strips or splits its input does the same with them. For example, with `[` and `]` for the marks:
    `"<think>\nHm.\n</think>\n\nYes. "` becomes `"<think>\n[Hm.]\n</think>\n\n[Yes.] "`.

    Args:
        messages: messages that `read_messages` returned.
        taken: characters that cannot be used as marks.
        names: whether the names of called functions have marks, too.
    """
    free = (chr(code) for code in _CODES if chr(code) not in taken and chr(code).isprintable())
    owners: dict[str, Piece] = {}

    def mark(text: str, piece: Piece) -> str:
        if not (core := text.strip()):
            return text
        marks = [*islice(free, 2)]
        if len(marks) < 2:
            raise UnspeakableError("it has too many messages")
        owners.update(dict.fromkeys(marks, piece))
        return text.replace(core, core.join(marks), 1)

    return [_marked(message, at, mark, names=names) for at, message in enumerate(messages)], owners


def _plain(message: Mapping[str, Any], form: Form) -> ChatMessage:
    made = {key: value for key, value in message.items() if value not in (None, []) and key != "weight"}
    content = message.get("content")
    parts = content if isinstance(content, list) else [content or ""]
    made["content"] = "".join(map(_text, parts))
    if thought := next((made[key] for key in _REASONING if isinstance(made.get(key), str)), None):
        made = {**made, "reasoning_content": thought, "thinking": made.get("thinking", thought)}
    if calls := message.get("tool_calls"):
        made["tool_calls"] = [_called(call, form) for call in calls]
        made["content"] = made["content"] or form.empty
    if form.parts:
        made["content"] = [{"type": "text", "text": made["content"]}]
    return made


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(text := part.get("text"), str) and part.get("type", "text") == "text":
        return text
    raise NotTextError("a part of a message is not text, and the trainer reads only text")


def _called(call: Mapping[str, Any], form: Form) -> dict[str, Any]:
    function = dict(call.get("function") or {"name": call.get("name"), "arguments": call.get("arguments")})
    arguments = function.get("arguments")
    if isinstance(arguments, str) and form.objects:
        with suppress(orjson.JSONDecodeError):
            function["arguments"] = orjson.loads(arguments) if arguments.strip() else {}
    elif not isinstance(arguments, str) and not form.objects:
        function["arguments"] = json.dumps(arguments or {}, ensure_ascii=False)
    elif arguments is None:
        function["arguments"] = {}
    return {**call, "type": "function", "function": function}


def _marked(message: ChatMessage, at: int, mark: Mark, *, names: bool) -> ChatMessage:
    made = dict(message)
    if isinstance(thought := message.get("reasoning_content"), str):
        marked = mark(thought, Piece(at, "thought", -1))
        made |= {key: marked for key in _REASONING if message.get(key) == thought}
    content = message["content"]
    if isinstance(content, list):
        made["content"] = [{**part, "text": _inked(part["text"], at, mark)} for part in content]
    elif content:
        made["content"] = _inked(content, at, mark)
    calls = []
    for number, call in enumerate(message.get("tool_calls", ())):
        function, piece = dict(call["function"]), Piece(at, "call", number)
        if names and isinstance(function.get("name"), str):
            function["name"] = mark(function["name"], piece)
        function["arguments"] = _leaves(function["arguments"], partial(mark, piece=piece))
        calls.append({**call, "function": function})
    return {**made, "tool_calls": calls} if calls else made


def _inked(content: str, at: int, mark: Mark) -> str:
    """Return the content of message `at` with marks around its texts and thoughts."""
    return "".join(
        mark(text, Piece(at, kind, number)) if kind else text
        for number, (kind, text) in enumerate(_split(content))
    )


def _split(content: str) -> Iterator[tuple[str, str]]:
    """Yield the texts and thoughts of a content by kind, and the tags of thoughts as kind ``."""
    at = 0
    for found in _THOUGHT.finditer(content):
        inner = found.span("one" if found["one"] is not None else "other")
        yield "text", content[at : found.start()]
        yield "", content[found.start() : inner[0]]
        yield "thought", content[slice(*inner)]
        yield "", content[inner[1] : found.end()]
        at = found.end()
    yield "text", content[at:]


def _leaves(value: Any, mark: Callable[[str], str]) -> Any:
    """Return a JSON value with `mark` applied to every text in it."""
    if isinstance(value, str):
        return mark(value)
    if isinstance(value, dict):
        return {key: _leaves(each, mark) for key, each in value.items()}
    return [_leaves(each, mark) for each in value] if isinstance(value, list) else value

"""Tokenize conversations with a chat template, and find the tokens that the assistant wrote."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from jinja2 import TemplateError

_MARKS: Final = re.compile(r"{%-?\s*generation\s*-?%}")
_STAND_IN: Final = "\ue000"
"""A private-use character: replaces an answer to find its position in the rendered text."""

ChatMessage = dict[str, Any]


class UnspeakableError(Exception):
    """The model's chat template cannot render a conversation. The message says why."""


def encode(row: Mapping[str, Any], tokenizer: Any) -> tuple[list[int], list[bool], int]:
    """Return the token ids of a row, a mask of the tokens to train on, and the number of lost answers.

    A lost answer is an assistant message that does not appear in the rendered text. The tokens to
    train on are found in one of three ways:

    1. If the chat template has `{% generation %}` blocks, they are the tokens inside them.
    2. Otherwise, an answer is the text that its message adds after the generation prompt.
    3. If the template renders earlier messages differently once later ones follow (as templates
       that drop reasoning do), an answer is the text that changes if its content is replaced.

    Args:
        row: an object of a training file, with `messages` and optionally `tools`.
        tokenizer: a transformers tokenizer with a chat template.

    Returns:
        The token ids, a mask of the same length, and the number of lost answers.

    Raises:
        UnspeakableError: the template rejects the row, or the row has content other than text.
    """
    template = _Template(tokenizer, row.get("tools") or None)
    messages = [_plain(message) for message in row["messages"]]
    if _MARKS.search(tokenizer.chat_template):
        ids, marks = template.marked(messages)
        return ids, marks, 0
    text = template.text(messages)
    spans, silent = [], 0
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            if span := _answer(messages, number, text, template):
                spans.append(span)
            else:
                silent += 1
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    marks, at = [], 0
    for start, _ in made["offset_mapping"]:
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        marks.append(at < len(spans) and spans[at][0] <= start)
    return made["input_ids"], marks, silent


class _Template:
    """The chat template of a tokenizer, applied with the tools of a row."""

    def __init__(self, tokenizer: Any, tools: list[Any] | None) -> None:
        self._tokenizer = tokenizer
        self._tools = tools
        self.end: str = tokenizer.eos_token or ""

    def text(self, messages: list[ChatMessage], *, ask: bool = False) -> str:
        made: str = self._apply(messages, tokenize=False, add_generation_prompt=ask)
        return made

    def marked(self, messages: list[ChatMessage]) -> tuple[list[int], list[bool]]:
        made = self._apply(messages, return_dict=True, return_assistant_tokens_mask=True)
        return made["input_ids"], [*map(bool, made["assistant_masks"])]

    def _apply(self, messages: list[ChatMessage], **options: Any) -> Any:
        try:
            return self._tokenizer.apply_chat_template(messages, tools=self._tools, **options)
        except TemplateError as error:
            raise UnspeakableError(f"the model's chat template refuses it: {error}") from error


def _answer(
    messages: list[ChatMessage], number: int, text: str, template: _Template
) -> tuple[int, int] | None:
    """Return the start and end of message `number` in `text`, or `None` if it does not appear.

    Args:
        messages: the conversation.
        number: the index of an assistant message.
        text: the rendered conversation.
        template: the template that rendered it.
    """
    try:
        before = template.text(messages[:number], ask=True)
        through = template.text(messages[: number + 1])
    except UnspeakableError:  # some templates reject an incomplete conversation
        before = through = "\0"
    if text.startswith(before) and text.startswith(through) and len(before) < len(through):
        return len(before), len(through)
    other = {"role": "assistant", "content": _STAND_IN}
    changed = template.text([*messages[:number], other, *messages[number + 1 :]])
    start = _common(text, changed)
    end = len(text) - _common(text[start:][::-1], changed[start:][::-1])
    if start >= end:
        return None
    return start, end + len(template.end) * text.startswith(template.end, end)


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _plain(message: Mapping[str, Any]) -> ChatMessage:
    """Return a message in the form that chat templates expect: text content, tool arguments as objects."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content or ""]
    made = {**message, "content": "".join(map(_text, parts))}
    if calls := message.get("tool_calls"):
        made["tool_calls"] = [_called(call) for call in calls]
    return made


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(text := part.get("text"), str) and part.get("type", "text") == "text":
        return text
    raise UnspeakableError("a part of a message is not text, and the trainer reads only text")


def _called(call: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(call.get("function") or {"name": call.get("name"), "arguments": call.get("arguments")})
    if isinstance(arguments := function.get("arguments"), str):
        with suppress(orjson.JSONDecodeError):
            function["arguments"] = orjson.loads(arguments)
    return {**call, "type": "function", "function": function}

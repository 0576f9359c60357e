"""Render the rows of a training file with a chat template, and find each of their texts in what it writes.

A conversation is rendered twice: as it is, and with a unique character at the start and the end of each
text. Without these marks, both must be the same.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jinja2 import TemplateError

from sftc.training.chat_template import ChatTemplate, ProbedTemplate
from sftc.training.conversation import (
    FORMS,
    ChatMessage,
    Piece,
    TemplateRefusesError,
    UnspeakableError,
    mark_messages,
    read_messages,
    read_tools,
)
from sftc.training.marked_text import MarkedText


class RenderedRow(NamedTuple):
    """A row as a template renders it.

    Attributes:
        template: the template.
        tools: the tools of the row, or `None`.
        messages: its messages, in the form that the template accepts.
        marked: the messages with marks around each text.
        owners: the text that each mark is for.
        whole: what the template writes.
        blocks: the places of `{% generation %}` blocks in it.
        missing: the kinds of texts that it lacks, by message.
    """

    template: ProbedTemplate
    tools: list[Any] | None
    messages: list[ChatMessage]
    marked: list[ChatMessage]
    owners: dict[str, Piece]
    whole: MarkedText
    blocks: list[tuple[int, int]]
    missing: dict[int, set[str]]

    def lost(self, message: int) -> set[str]:
        """Return the kinds of texts of a message that the template loses."""
        return self.missing.get(message, set())


def render_row(row: Mapping[str, Any], template: ChatTemplate) -> RenderedRow:
    """Return a row in the first form that the template accepts without losing a call.

    Args:
        row: an object of a training file, with `messages` and optionally `tools`.
        template: the chat template of the model.

    Raises:
        UnspeakableError: the template rejects the row, or the row has content other than text.
    """
    tools = read_tools(row)
    probed = template.probed(tools)
    plain = not any(message.get("tool_calls") for message in row["messages"])
    forms = [form for form in FORMS if form.objects and form.empty == ""] if plain else FORMS
    best: RenderedRow | None = None
    reason: UnspeakableError | None = None
    for form in forms:
        try:
            made = _render_once(probed, tools, read_messages(row, form))
        except UnspeakableError as error:
            if reason is None or type(error.__cause__) is TemplateError:  # words that the template has for it
                reason = error
            continue
        if not any(made.lost(at) - {"thought"} for at in range(len(made.messages))):
            return made
        best = best or made
    if best is None:
        raise reason or UnspeakableError("the model's chat template does not render it")
    return best


def _render_once(
    template: ProbedTemplate, tools: list[Any] | None, messages: list[ChatMessage]
) -> RenderedRow:
    text, blocks = template.render(messages, tools)
    given = [call["function"]["arguments"] for each in messages for call in each.get("tool_calls", ())]
    given += [each["content"] for each in messages]
    if any(str(each) in text for each in given if each and not isinstance(each, str)):
        raise TemplateRefusesError("the model's chat template writes objects as Python, not as JSON")
    reason: UnspeakableError | None = None
    for names in (True, False):
        marked, owners = mark_messages(messages, {*text}, names=names)
        try:
            whole = MarkedText(template.render(marked, tools)[0], owners)
        except UnspeakableError as error:
            reason = error
            continue
        if whole.text == text:
            missing: dict[int, set[str]] = {}
            for piece in {*owners.values()} - whole.seen:
                missing.setdefault(piece.message, set()).add(piece.kind)
            return RenderedRow(template, tools, messages, marked, owners, whole, blocks, missing)
    raise reason or UnspeakableError("its answers cannot be found in the output of the model's chat template")

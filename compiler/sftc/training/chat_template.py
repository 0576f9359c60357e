"""Chat templates: what they write for a conversation, and how they ask for an answer and close one.

The latter is found by what a template writes for a probe, not by what a family of templates is known to do.
"""

import datetime as dt
import re
from typing import Any, Final

from jinja2 import TemplateError

from sftc.training.conversation import (
    ChatMessage,
    Form,
    TemplateRefusesError,
    UnspeakableError,
    mark_messages,
    read_messages,
)
from sftc.training.marked_text import MarkedText

_MARKS: Final = re.compile(r"{%-?\s*generation\s*-?%}")
_PROBE: Final = [{"role": role, "content": text} for text in ("one", "two") for role in ("user", "assistant")]
"""A conversation that shows how a template asks for an answer, and how it closes one."""

_PROBE_TOOLS: Final = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "description": "Look.",
            "parameters": {
                "type": "object",
                "properties": {"at": {"type": "string", "description": "What."}},
                "required": ["at"],
            },
        },
    }
]


class ChatTemplate:
    """The chat template of a tokenizer, or its several named templates.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        date: the date for templates that print one; by default, today.
    """

    def __init__(self, tokenizer: Any, date: dt.date | None = None) -> None:
        self.tokenizer = tokenizer
        self.date = date
        added = {str(each) for each in tokenizer.added_tokens_decoder.values()} | {
            *tokenizer.all_special_tokens
        }
        words = sorted(filter(str.strip, added), key=len, reverse=True)
        self.controls = re.compile("|".join(map(re.escape, words)) or "(?!)")
        self._probed: dict[str, ProbedTemplate] = {}

    def check(self) -> None:
        """Check that every template of the tokenizer is valid.

        Raises:
            UnspeakableError: a template is broken.
        """
        given = self.tokenizer.chat_template
        for template in given.values() if isinstance(given, dict) else [given]:
            ProbedTemplate(self, template)

    def probed(self, tools: list[Any] | None) -> "ProbedTemplate":
        """Return the template that renders rows with `tools`.

        Raises:
            TemplateRefusesError: none of several templates is meant for such rows.
        """
        try:
            template = self.tokenizer.get_chat_template(tools=tools)
        except ValueError as error:
            named = ", ".join(sorted(self.tokenizer.chat_template))
            raise TemplateRefusesError(
                f"the model has the chat templates {named}, and none is `default`"
            ) from error
        if template not in self._probed:
            self._probed[template] = ProbedTemplate(self, template)
        return self._probed[template]


class ProbedTemplate:
    """One template, and what its probe shows.

    Attributes:
        header: what it writes to ask for an answer.
        closed: whether a token ends the last answer. Some templates leave that to the next message.
        stop: the token that ends an answer; empty if the template has none.
        middle: what follows an answer up to the first control token, if it does not end with `stop` unless
            it is the last. The model is trained on `stop` there.
    """

    def __init__(self, owner: ChatTemplate, template: str) -> None:
        from transformers.utils.chat_template_utils import _compile_jinja_template

        self.controls = owner.controls
        self.marks_answers = bool(_MARKS.search(template))
        self._date = owner.date
        self._special = owner.tokenizer.special_tokens_map
        try:
            self._compiled = _compile_jinja_template(template)
        except Exception as error:
            raise UnspeakableError(f"the model's chat template is broken: {error}") from error
        self.header = self.stop = self.middle = ""
        self.closed = True
        for form, tools in ((Form(), None), (Form(parts=True), None), (Form(), _PROBE_TOOLS)):
            if not self.header and not self.stop:
                self._probe(form, tools)

    def render(
        self, messages: list[ChatMessage], tools: list[Any] | None, *, ask: bool = False
    ) -> tuple[str, list[tuple[int, int]]]:
        """Return the rendered messages, and the places of `{% generation %}` blocks in them.

        Raises:
            TemplateRefusesError: the template refuses the messages, or fails on them.
        """
        blocks: list[str] = []
        places: list[tuple[int, int]] = []
        values = {**self._special, "messages": messages, "tools": tools, "documents": None}
        if self._date:
            values["strftime_now"] = self._date.strftime
        try:
            with self._compiled.environment.activate_tracker(blocks, places):
                blocks.extend(self._compiled.generate(**values, add_generation_prompt=ask))
        except Exception as error:  # a template is a program, and can raise anything
            reason = " ".join(str(error).split())
            said = f"refuses it: {reason}"
            if type(error) is not TemplateError:
                said = f"fails on it: {type(error).__name__}: {reason}"
            raise TemplateRefusesError(f"the model's chat template {said}") from error
        return "".join(blocks), places

    def _probe(self, form: Form, tools: list[Any] | None) -> None:
        marked, owners = mark_messages(read_messages({"messages": _PROBE}, form), set(), names=False)
        try:
            ask = self.render(marked[:1], tools, ask=True)[0]
            plain = self.render(marked[:1], tools)[0]
            whole = MarkedText(self.render(marked, tools)[0], owners)
        except UnspeakableError:
            return
        self.header = ask.removeprefix(plain) if ask.startswith(plain) else ""
        begin = [found[0] for found in self.controls.finditer(plain)]
        opener = next((token for token in begin if token != self._special.get("bos_token")), "")
        if {place.piece.message for place in whole.places} != {0, 1, 2, 3}:
            return
        middle, last = (whole.after(whole.messages()[at]) for at in (1, 3))
        shared = middle[: self.shared(middle, last)]
        if opener:  # what opens a turn cannot close one; some templates ask for an answer in any case
            shared = shared.partition(opener)[0]
        if found := [*self.controls.finditer(shared)]:
            self.stop = found[-1][0]
        elif found := [*self.controls.finditer(last)]:
            self.stop = found[0][0]
            other = self.controls.search(middle)
            self.middle = middle[: other.end()] if other else ""
        else:
            self.closed = False

    def shared(self, one: str, other: str) -> int:
        """Return the length of the common prefix of two texts, without a part of a control token."""
        length = _common(one, other)
        for text in (one, other):
            for found in self.controls.finditer(text):
                if found.start() < length < found.end():
                    length = found.start()
        return length


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))

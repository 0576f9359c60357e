"""Find the answers in a rendered row.

An answer begins where the text that asks for it ends, and ends with the text that closes its turn.
"""

import re
from typing import Any, NamedTuple

from sftc.training.conversation import THOUGHT_BEGINS, UnspeakableError
from sftc.training.marked_text import MarkedText
from sftc.training.rendered_row import RenderedRow


class AnswerPlace(NamedTuple):
    """Where an answer is in a text.

    Attributes:
        start: its start.
        end: its end, behind what closes its turn.
        stop: the position of the token that ends it, or its end if none does.
        token: the text of that token; empty if there is none.
        swap: the token to train on in its place; empty for itself.
    """

    start: int
    end: int
    stop: int
    token: str
    swap: str


class AnswerFinder:
    """Finds the answers of a rendered row. What surrounds one answer is reused for those like it."""

    def __init__(self, row: RenderedRow) -> None:
        self._row = row
        self._messages = row.whole.messages()
        self._tails: dict[Any, str | None] = {}

    def place(self, at: int) -> tuple[int, int] | None:
        """Return the start and end of a message in the text, with its end of turn."""
        if self._row.messages[at]["role"] == "assistant":
            span = self.span(at)
            return span and (span.start, span.end)
        if not (message := self._messages.get(at)):
            return None
        found = self._row.template.controls.search(self._row.whole.text, message.end, message.after)
        return message.start, found.end() if found else message.end

    def span(self, at: int) -> AnswerPlace | None:
        """Return the place of an answer in the text, or `None` if no text of it is there."""
        if not (message := self._messages.get(at)):
            return None
        text, template = self._row.whole.text, self._row.template
        glue = self._row.whole.after(message)
        start = message.before + self._start(at, text[message.before : message.start])
        length = self._end(at, glue)
        if template.marks_answers:
            blocks = [each for each in self._row.blocks if each[0] < message.end and message.start < each[1]]
            if not blocks:
                return None
            start, last = blocks[0][0], blocks[-1][1] - message.end
            if template.controls.search(glue, 0, max(last, 0)):
                length = last
        found = [*template.controls.finditer(glue, 0, max(length, 0))]
        if not template.closed and at == len(self._row.messages) - 1:
            found = []
        stop = next((each for each in found if each[0] == template.stop), found[-1] if found else None)
        if not stop:
            return AnswerPlace(start, message.end + length, message.end + length, "", "")
        if template.middle and stop[0] != template.stop and glue[: stop.end()].endswith(template.middle):
            at_stop = message.end + stop.end() - len(template.middle)
            return AnswerPlace(start, at_stop + 1, at_stop, stop[0], template.stop)
        return AnswerPlace(start, message.end + length, message.end + stop.start(), stop[0], "")

    def _start(self, at: int, glue: str) -> int:
        """Return the length of `glue`, the text before an answer, that asks for it."""
        header = self._row.template.header
        asks, blank = self._asks(at), _blank(glue)
        if asks is not None and glue.startswith(asks, blank):
            return blank + len(asks)
        if header and header in glue:
            return glue.rindex(header) + len(header)
        if asks:  # which may be to answer without a thought, but this answer has one
            length = blank + self._row.template.shared(asks, glue[blank:])
            begins = THOUGHT_BEGINS.search(glue[:length])
            return begins.start() if begins else length
        for length in range(len(header), 0, -1):
            if self._row.template.controls.search(header, 0, length) and header[:length] in glue:
                return glue.rindex(header[:length]) + length
        return len(glue)

    def _asks(self, at: int) -> str | None:
        """Return what the template writes after message `at - 1` to ask for an answer."""
        if at - 1 not in self._messages:
            return None
        before = self._row.messages[at - 1]
        return self._tail((before["role"], bool(before.get("tool_calls"))), at, ask=True)

    def _end(self, at: int, glue: str) -> int:
        """Return the length of `glue`, the text after an answer, that ends its turn."""
        template, messages = self._row.template, self._row.messages
        length = len(glue)
        if at < len(messages) - 1:
            answer = messages[at]
            key = (bool(answer.get("tool_calls")), messages[at + 1]["role"], bool(answer["content"]))
            tail = self._tail(key, at + 1, ask=False)
            blank = _blank(glue)
            length = blank + template.shared(glue[blank:], tail) if tail else 0
        ended = template.controls.search(glue, 0, length)
        found = re.search(rf"{re.escape(template.stop)}\s*", glue) if template.stop else None
        if found and (found.start() < length or not ended):
            return max(min(found.end(), length), found.start() + len(template.stop))
        if at == len(messages) - 1 or (template.closed and ended):
            return length
        found = template.controls.search(glue, length)
        return found.end() if found else length

    def _tail(self, key: Any, count: int, *, ask: bool) -> str | None:
        """Return the text after the last mark if only `count` messages are rendered, or `None`.

        It begins after the spaces that the content of the last message may end with.
        """
        if (key, ask) not in self._tails:
            try:
                made = self._row.template.render(self._row.marked[:count], self._row.tools, ask=ask)[0]
                self._tails[key, ask] = MarkedText(made, self._row.owners).tail.lstrip()
            except UnspeakableError:  # some templates reject an incomplete conversation
                self._tails[key, ask] = None
        return self._tails[key, ask]


def _blank(text: str) -> int:
    """Return the number of spaces at the start of a text."""
    return len(text) - len(text.lstrip())

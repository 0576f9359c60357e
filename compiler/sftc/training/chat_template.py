"""Tokenize conversations with a chat template, and find the tokens to train on.

Answers are found by their texts, not by what a family of templates is known to do. A conversation is
rendered twice: as it is, and with a unique character at the start and the end of each text. Without
these marks, both must be the same. An answer then begins where the text that asks for it ends, and
ends with the text that closes its turn.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple

from jinja2 import TemplateError

from sftc.training.conversation import (
    FORMS,
    RARE,
    THOUGHT_BEGINS,
    ChatMessage,
    Form,
    Piece,
    TemplateRefusesError,
    UnspeakableError,
    mark_messages,
    read_messages,
    read_tools,
)
from sftc.training.plan import TrainOn

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


class Loss(NamedTuple):
    """What a template loses of the answer in message number `message`.

    Attributes:
        message: the index of the message.
        kind: `empty` for an answer without text or calls, `answers` for one that is not rendered, `calls`
            for one without its tool calls, `texts` and `thoughts` for one without a part of it, `ends`
            for one whose end is not marked. Answers of the first three kinds are not trained on.
    """

    message: int
    kind: str


class Answer(NamedTuple):
    """An answer that is trained on: the index of its message, its start and end in the text."""

    message: int
    start: int
    end: int


class Encoded(NamedTuple):
    """A tokenized row.

    Attributes:
        text: the row as the template renders it.
        tokens: the token ids.
        spans: the start and end of each token in the text. Tokens that share a character overlap; an
            end token that the trainer adds is empty, at the end of the text.
        labels: for each token, the id to train on at its position, or `None`.
        answers: the answers that are trained on.
        ends: the ids of the tokens that end its answers.
        inner: the ids of control tokens within its answers.
        losses: what the template loses.
    """

    text: str
    tokens: list[int]
    spans: list[tuple[int, int]]
    labels: list[int | None]
    answers: list[Answer]
    ends: list[int]
    inner: set[int]
    losses: list[Loss]

    @property
    def lost(self) -> Counter[str]:
        """How often the template loses what, by kind."""
        return Counter(loss.kind for loss in self.losses)

    def kept(self, limit: int) -> list[int | None]:
        """Return the labels of the tokens that are left if a row has at most `limit` tokens.

        The first token has none, because no token predicts it.
        """
        return [None, *self.labels[1:limit]][: len(self.labels)]


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
        self._views: dict[str, _View] = {}

    def check(self) -> None:
        """Check that every template of the tokenizer is valid.

        Raises:
            UnspeakableError: a template is broken.
        """
        given = self.tokenizer.chat_template
        for template in given.values() if isinstance(given, dict) else [given]:
            _View(self, template)

    def view(self, tools: list[Any] | None) -> "_View":
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
        if template not in self._views:
            self._views[template] = _View(self, template)
        return self._views[template]


class _View:
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
            whole = _Marked(self.render(marked, tools)[0], owners)
        except UnspeakableError:
            return
        self.header = ask.removeprefix(plain) if ask.startswith(plain) else ""
        begin = [found[0] for found in self.controls.finditer(plain)]
        opener = next((token for token in begin if token != self._special.get("bos_token")), "")
        if {place.piece.message for place in whole.places} != {0, 1, 2, 3}:
            return
        middle, last = (whole.after(whole.runs()[at]) for at in (1, 3))
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


class _Place(NamedTuple):
    position: int
    piece: Piece
    first: bool


class _Run(NamedTuple):
    """The text of a message: its start and end, the end of the text before it, the start of the next."""

    before: int
    start: int
    end: int
    after: int


class _Marked:
    """A rendered text without its marks, and their places."""

    def __init__(self, marked: str, owners: Mapping[str, Piece]) -> None:
        seen: set[str] = set()
        self.places: list[_Place] = []
        for found in RARE.finditer(marked):
            if owner := owners.get(found[0]):
                self.places.append(_Place(found.start() - len(self.places), owner, found[0] not in seen))
                seen.add(found[0])
        self.text = RARE.sub(lambda found: "" if found[0] in owners else found[0], marked)
        self.seen = {owners[mark] for mark in seen}

    @property
    def tail(self) -> str:
        """The text after the last mark."""
        return self.text[self.places[-1].position if self.places else 0 :]

    def after(self, run: _Run) -> str:
        """Return the text between a message and the next one."""
        return self.text[run.end : run.after]

    def runs(self) -> dict[int, _Run]:
        """Return the first place of each message in the text. Repetitions of a text do not count."""
        made: dict[int, _Run] = {}
        for message, group in groupby(enumerate(self.places), lambda each: each[1].piece.message):
            fresh = [number for number, place in group if place.first]
            if fresh and message not in made:
                made[message] = _Run(
                    self._position(fresh[0] - 1),
                    self._position(fresh[0]),
                    self._position(fresh[-1]),
                    self._position(fresh[-1] + 1),
                )
        return made

    def _position(self, number: int) -> int:
        """Return the position of a mark, or the start or the end of the text beyond the first and last."""
        if number < 0:
            return 0
        return self.places[number].position if number < len(self.places) else len(self.text)


class _Rendered(NamedTuple):
    """A row as a template renders it."""

    view: _View
    tools: list[Any] | None
    messages: list[ChatMessage]
    marked: list[ChatMessage]
    owners: dict[str, Piece]
    whole: _Marked
    blocks: list[tuple[int, int]]
    missing: dict[int, set[str]]

    def lost(self, message: int) -> set[str]:
        """Return the kinds of texts of a message that the template loses."""
        return self.missing.get(message, set())


class _Span(NamedTuple):
    """An answer in a text: its start and end, the place and text of its last token, or its end if none."""

    start: int
    end: int
    stop: int
    token: str
    swap: str


def encode(
    row: Mapping[str, Any],
    template: Any,
    train_on: TrainOn = "assistant",
    *,
    date: dt.date | None = None,
) -> Encoded:
    """Return the tokens of a row, with labels for those to train on.

    Answers are the messages of the assistant, from the end of the text that asks for them to the end of
    turn. A template with `{% generation %}` blocks says itself which text that is.

    Args:
        row: an object of a training file, with `messages` and optionally `tools`.
        template: a `ChatTemplate`, or a transformers tokenizer with a chat template.
        train_on: the answers to train on: all of the `assistant`, or the `last`. With `all`, every
            message is trained on. A message with `weight: 0` is always left out.
        date: the date for templates that print one, if `template` is a tokenizer.

    Raises:
        UnspeakableError: the template rejects the row, or the row has content other than text.
    """
    owner = template if isinstance(template, ChatTemplate) else ChatTemplate(template, date)
    done = _render(row, owner)
    messages = row["messages"]
    silent = {at for at, message in enumerate(messages) if message.get("weight", 1) == 0}
    answers = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    if train_on == "last":
        answers = answers[-1:]
    finder = _Finder(done)
    spans: dict[int, _Span] = {}
    losses: list[Loss] = []
    left_out = []
    for at in answers:
        if at in silent:
            continue
        kinds, span = done.lost(at), finder.span(at)
        if span is None or "call" in kinds:
            losses.append(Loss(at, "calls" if "call" in kinds else "answers" if kinds else "empty"))
            left_out += [(span.start, span.end)] if span else []
        else:
            spans[at] = span
            losses += [Loss(at, f"{kind}s") for kind in sorted(kinds)]
            losses += [] if span.token else [Loss(at, "ends")]
    left_out += [place for at in sorted(silent) if (place := finder.place(at))]
    return _tokenized(owner, done, spans, losses, left_out if train_on == "all" else None)


def try_row(row: Mapping[str, Any], template: ChatTemplate) -> None:
    """Render a row, without tokenizing it.

    Raises:
        UnspeakableError: as for `encode`.
    """
    _render(row, template)


def encode_question(row: Mapping[str, Any], template: ChatTemplate) -> list[int]:
    """Return the tokens of a conversation, and behind them those that ask for an answer.

    Raises:
        UnspeakableError: as for `encode`.
    """
    done = _render(row, template)
    text = done.view.render(done.messages, done.tools, ask=True)[0]
    tokens: list[int] = template.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return tokens


def _render(row: Mapping[str, Any], owner: ChatTemplate) -> _Rendered:
    """Render a row in the first form that the template accepts without losing a call."""
    tools = read_tools(row)
    view = owner.view(tools)
    plain = not any(message.get("tool_calls") for message in row["messages"])
    forms = [form for form in FORMS if form.objects and form.empty == ""] if plain else FORMS
    best: _Rendered | None = None
    reason: UnspeakableError | None = None
    for form in forms:
        try:
            made = _render_once(view, tools, read_messages(row, form))
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


def _render_once(view: _View, tools: list[Any] | None, messages: list[ChatMessage]) -> _Rendered:
    text, blocks = view.render(messages, tools)
    given = [call["function"]["arguments"] for each in messages for call in each.get("tool_calls", ())]
    given += [each["content"] for each in messages]
    if any(str(each) in text for each in given if each and not isinstance(each, str)):
        raise TemplateRefusesError("the model's chat template writes objects as Python, not as JSON")
    reason: UnspeakableError | None = None
    for names in (True, False):
        marked, owners = mark_messages(messages, {*text}, names=names)
        try:
            whole = _Marked(view.render(marked, tools)[0], owners)
        except UnspeakableError as error:
            reason = error
            continue
        if whole.text == text:
            missing: dict[int, set[str]] = {}
            for piece in {*owners.values()} - whole.seen:
                missing.setdefault(piece.message, set()).add(piece.kind)
            return _Rendered(view, tools, messages, marked, owners, whole, blocks, missing)
    raise reason or UnspeakableError("its answers cannot be found in the output of the model's chat template")


class _Finder:
    """Finds the answers of a rendered row. What surrounds one answer is reused for those like it."""

    def __init__(self, done: _Rendered) -> None:
        self._done = done
        self._runs = done.whole.runs()
        self._tails: dict[Any, str | None] = {}

    def place(self, at: int) -> tuple[int, int] | None:
        """Return the start and end of a message in the text, with its end of turn."""
        if self._done.messages[at]["role"] == "assistant":
            span = self.span(at)
            return span and (span.start, span.end)
        if not (run := self._runs.get(at)):
            return None
        found = self._done.view.controls.search(self._done.whole.text, run.end, run.after)
        return run.start, found.end() if found else run.end

    def span(self, at: int) -> _Span | None:
        """Return the place of an answer in the text, or `None` if no text of it is there."""
        if not (run := self._runs.get(at)):
            return None
        text, view = self._done.whole.text, self._done.view
        glue = self._done.whole.after(run)
        start = run.before + self._start(at, text[run.before : run.start])
        length = self._end(at, glue)
        if view.marks_answers:
            blocks = [each for each in self._done.blocks if each[0] < run.end and run.start < each[1]]
            if not blocks:
                return None
            start, last = blocks[0][0], blocks[-1][1] - run.end
            if view.controls.search(glue, 0, max(last, 0)):
                length = last
        found = [*view.controls.finditer(glue, 0, max(length, 0))]
        if not view.closed and at == len(self._done.messages) - 1:
            found = []
        stop = next((each for each in found if each[0] == view.stop), found[-1] if found else None)
        if not stop:
            return _Span(start, run.end + length, run.end + length, "", "")
        if view.middle and stop[0] != view.stop and glue[: stop.end()].endswith(view.middle):
            at_stop = run.end + stop.end() - len(view.middle)
            return _Span(start, at_stop + 1, at_stop, stop[0], view.stop)
        return _Span(start, run.end + length, run.end + stop.start(), stop[0], "")

    def _start(self, at: int, glue: str) -> int:
        """Return the length of `glue`, the text before an answer, that asks for it."""
        header = self._done.view.header
        asks, blank = self._asks(at), _blank(glue)
        if asks is not None and glue.startswith(asks, blank):
            return blank + len(asks)
        if header and header in glue:
            return glue.rindex(header) + len(header)
        if asks:  # which may be to answer without a thought, but this answer has one
            length = blank + self._done.view.shared(asks, glue[blank:])
            begins = THOUGHT_BEGINS.search(glue[:length])
            return begins.start() if begins else length
        for length in range(len(header), 0, -1):
            if self._done.view.controls.search(header, 0, length) and header[:length] in glue:
                return glue.rindex(header[:length]) + length
        return len(glue)

    def _asks(self, at: int) -> str | None:
        """Return what the template writes after message `at - 1` to ask for an answer."""
        if at - 1 not in self._runs:
            return None
        before = self._done.messages[at - 1]
        return self._tail((before["role"], bool(before.get("tool_calls"))), at, ask=True)

    def _end(self, at: int, glue: str) -> int:
        """Return the length of `glue`, the text after an answer, that ends its turn."""
        view, messages = self._done.view, self._done.messages
        length = len(glue)
        if at < len(messages) - 1:
            message = messages[at]
            key = (bool(message.get("tool_calls")), messages[at + 1]["role"], bool(message["content"]))
            tail = self._tail(key, at + 1, ask=False)
            blank = _blank(glue)
            length = blank + view.shared(glue[blank:], tail) if tail else 0
        ended = view.controls.search(glue, 0, length)
        found = re.search(rf"{re.escape(view.stop)}\s*", glue) if view.stop else None
        if found and (found.start() < length or not ended):
            return max(min(found.end(), length), found.start() + len(view.stop))
        if at == len(messages) - 1 or (view.closed and ended):
            return length
        found = view.controls.search(glue, length)
        return found.end() if found else length

    def _tail(self, key: Any, count: int, *, ask: bool) -> str | None:
        """Return the text after the last mark if only `count` messages are rendered, or `None`.

        It begins after the spaces that the content of the last message may end with.
        """
        if (key, ask) not in self._tails:
            try:
                made = self._done.view.render(self._done.marked[:count], self._done.tools, ask=ask)[0]
                self._tails[key, ask] = _Marked(made, self._done.owners).tail.lstrip()
            except UnspeakableError:  # some templates reject an incomplete conversation
                self._tails[key, ask] = None
        return self._tails[key, ask]


def _tokenized(
    owner: ChatTemplate,
    done: _Rendered,
    answers: dict[int, _Span],
    losses: list[Loss],
    left_out: list[tuple[int, int]] | None,
) -> Encoded:
    """Return the tokens of a text, and their labels.

    Args:
        owner: the template, with its tokenizer.
        done: the rendered row.
        answers: the answers to train on, by message.
        losses: what the template loses.
        left_out: with `train_on = "all"`, the only places that are not trained on.
    """
    tokenizer, text = owner.tokenizer, done.whole.text
    try:
        made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    except NotImplementedError as error:
        raise UnspeakableError(
            "the model's tokenizer does not say where its tokens are in the text"
        ) from error
    spans = [*answers.values()]
    tokens: list[int] = [*made["input_ids"]]
    offsets: list[tuple[int, int]] = [*made["offset_mapping"]]
    starts = [start for start, _ in offsets]
    places = sorted(left_out if left_out is not None else [span[:2] for span in spans])
    inside = [*_within(starts, places)]
    marks = inside if left_out is None else [not each for each in inside]
    labels: list[int | None] = [token if mark else None for token, mark in zip(tokens, marks, strict=True)]
    swaps = {span.stop: span.swap for span in spans if span.swap}
    for at, start in enumerate(starts):
        if start in swaps and labels[at] is not None:
            labels[at] = tokenizer.convert_tokens_to_ids(swaps[start])
    ends = [tokenizer.convert_tokens_to_ids(span.swap or span.token) for span in spans if span.token]
    if spans and spans[-1].end == len(text) and not spans[-1].token and tokenizer.eos_token_id is not None:
        tokens.append(tokenizer.eos_token_id)
        offsets.append((len(text), len(text)))
        labels.append(tokenizer.eos_token_id)
        ends.append(tokenizer.eos_token_id)
        losses = [loss for loss in losses if loss != Loss([*answers][-1], "ends")]
    words = {
        found[0]
        for span in spans
        for found in owner.controls.finditer(text, span.start, span.stop)
        if found[0] != done.view.stop
    }
    inner = {tokenizer.convert_tokens_to_ids(word) for word in words}
    found = [Answer(at, span.start, span.end) for at, span in answers.items()]
    return Encoded(text, tokens, offsets, labels, found, ends, inner, losses)


def _within(starts: list[int], places: list[tuple[int, int]]) -> Iterator[bool]:
    """Yield for each of the ascending `starts` whether it is in one of the ascending `places`."""
    at = 0
    for start in starts:
        while at < len(places) and places[at][1] <= start:
            at += 1
        yield at < len(places) and places[at][0] <= start


def _blank(text: str) -> int:
    """Return the number of spaces at the start of a text."""
    return len(text) - len(text.lstrip())


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))

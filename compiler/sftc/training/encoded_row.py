"""Tokenize the rows of a training file, and label the tokens to train on."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sftc.training.answer_places import AnswerFinder, AnswerPlace
from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError
from sftc.training.plan import TrainOn
from sftc.training.rendered_row import RenderedRow, render_row


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
    done = render_row(row, owner)
    messages = row["messages"]
    silent = {at for at, message in enumerate(messages) if message.get("weight", 1) == 0}
    answers = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    if train_on == "last":
        answers = answers[-1:]
    finder = AnswerFinder(done)
    spans: dict[int, AnswerPlace] = {}
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


def encode_question(row: Mapping[str, Any], template: ChatTemplate) -> list[int]:
    """Return the tokens of a conversation, and behind them those that ask for an answer.

    Raises:
        UnspeakableError: as for `encode`.
    """
    done = render_row(row, template)
    text = done.template.render(done.messages, done.tools, ask=True)[0]
    tokens: list[int] = template.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return tokens


def _tokenized(
    owner: ChatTemplate,
    done: RenderedRow,
    answers: dict[int, AnswerPlace],
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
        if found[0] != done.template.stop
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

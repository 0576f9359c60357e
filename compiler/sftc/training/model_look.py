"""Look at the rows of training files as the trainer does: through the chat template of a model."""

import datetime as dt
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from sftc.dataset.advice import texts
from sftc.dataset.chunks import Chunk
from sftc.dataset.examine_row import locate, remarks
from sftc.dataset.excerpt import Line, Remark
from sftc.dataset.sample import lines_of
from sftc.findings.finding import Finding, Severity
from sftc.findings.stage_rules import conversations, templates
from sftc.text.keys import Path
from sftc.training.base_model import BaseModel
from sftc.training.base_tokenizer import BaseTokenizer, load_tokenizer, without_torch
from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import NotTextError, TemplateRefusesError, UnspeakableError, read_row
from sftc.training.encoded_row import Encoded, encode
from sftc.training.plan import TrainOn
from sftc.training.rendered_row import render_row
from sftc.training.row_causes import Cause, Causes
from sftc.training.seen_row import SeenRow, see

_COVERED: Final = {
    conversations.NO_ASSISTANT.id,
    conversations.BLANK_ASSISTANT.id,
    conversations.NOTHING_TRAINED.id,
}
"""The rules of the check that already say why a row trains nothing."""


class Reading(NamedTuple):
    """How rows are read.

    Attributes:
        name: the model, as the person names it.
        base: the model on disk.
        sequence_length: the maximum tokens of a row; 0 for those that the model reads.
        train_on: the answers to train on; see `chat_template.encode`.
        date: the date for chat templates that print one; `None` for today.
        lines: the lines of the rows to show.
    """

    name: str
    base: BaseModel
    sequence_length: int = 0
    train_on: TrainOn = "assistant"
    date: dt.date | None = None
    lines: frozenset[int] = frozenset()

    def load(self) -> BaseTokenizer:
        """Return the tokenizer of the model. It is loaded once in a process.

        Raises:
            FailedError: the model cannot be used; see `load_tokenizer`.
        """
        return _load(self.base, self.name, self.sequence_length)

    @property
    def limit(self) -> int:
        """The maximum tokens of a row."""
        return self.sequence_length or self.load().longest


@lru_cache
def _load(base: BaseModel, name: str, sequence_length: int) -> BaseTokenizer:
    with without_torch(base):
        return load_tokenizer(base, name, sequence_length)


class TokenTally:
    """What was seen of a file, or of a part of it.

    Attributes:
        rows: the rows that were tokenized.
        trained_rows: those with a token to train on.
        tokens: the tokens of these rows, `trained` of them trained on and `cut` of them cut off.
        longest: the most tokens of a row.
        lengths: the tokens of each row with a token to train on.
        lines: the last line that was read.
        causes: what is wrong with rows.
        shown: the rows that were asked for.
    """

    def __init__(self) -> None:
        self.rows = self.trained_rows = self.tokens = self.trained = self.cut = self.longest = self.lines = 0
        self.lengths = array("I")
        self.causes = Causes()
        self.shown: list[SeenRow] = []

    def add(self, other: "TokenTally") -> None:
        """Add what was seen of a later part of the file."""
        for name in ("rows", "trained_rows", "tokens", "trained", "cut"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest = max(self.longest, other.longest)
        self.lines = max(self.lines, other.lines)
        self.lengths += other.lengths
        self.causes.add(other.causes)
        self.shown += other.shown


class ModelLook:
    """The second look of `dataset.check_files` at rows, with the chat template of a model.

    Attributes:
        reading: how rows are read.
        tallies: what was seen of each file, by path.
    """

    replaces = frozenset({conversations.NOT_ALTERNATING.id})

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.tallies: dict[str, TokenTally] = {}

    def check_model(self) -> None:
        """Load the tokenizer and its chat templates, before any file is read.

        Raises:
            FailedError: the model cannot be used.
            UnspeakableError: a chat template of the model is broken.
        """
        ChatTemplate(self.reading.load().tokenizer).check()

    def start(self) -> Callable[[str, Chunk], TokenTally]:
        """Return the function that looks at a chunk of a file."""
        return _Looker(self.reading).look

    def take(self, path: str, seen: TokenTally) -> None:
        """Add what was seen of a chunk."""
        self.tally(path).add(seen)

    def tally(self, path: str) -> TokenTally:
        """Return what was seen of a file so far."""
        return self.tallies.setdefault(path, TokenTally())

    def findings(self, path: str) -> list[Finding]:
        """Return a finding for each cause in a file, in the order of the first rows that have it."""
        return self.tally(path).causes.findings(self.reading.sequence_length, self.reading.load().longest)


class _Looker:
    """Looks at chunks in one process."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._tokenizer = reading.load().tokenizer
        self._limit = reading.limit
        self._template = ChatTemplate(self._tokenizer, reading.date)

    def look(self, name: str, chunk: Chunk) -> TokenTally:
        tally = TokenTally()
        for line in lines_of(name, chunk):
            if line.data:
                tally.lines = line.number
                self._examine(line, tally)
        return tally

    def _examine(self, line: Line, tally: TokenTally) -> None:
        """Add a row to the tally."""
        is_shown = line.number in self._reading.lines
        found = remarks(line.data)
        if any(remark.rule.severity is Severity.ERROR for remark in found):
            tally.shown += [SeenRow(line.number, "", [], "the row has errors")] * is_shown
            return
        try:
            row = read_row(line.data)
            encoded = encode(row, self._template, self._reading.train_on)
        except UnspeakableError as error:
            self._refused(line, error, tally)
            tally.shown += [SeenRow(line.number, "", [], str(error))] * is_shown
            return
        labels = encoded.kept(self._limit)
        trained = len(labels) - labels.count(None)
        tally.rows += 1
        tally.trained_rows += trained > 0
        tally.tokens += len(encoded.tokens)
        tally.trained += trained
        tally.cut += len(encoded.tokens) - len(labels)
        tally.longest = max(tally.longest, len(encoded.tokens))
        if trained:
            tally.lengths.append(len(encoded.tokens))
        ids = {remark.rule.id for remark in found}
        for cause, path in self._causes(row, encoded, trained, ids):
            tally.causes.note(cause, line.number, partial(_place, line, path))
        if is_shown:
            tally.shown.append(see(line.number, encoded, self._limit, self._tokenizer))

    def _refused(self, line: Line, error: UnspeakableError, tally: TokenTally) -> None:
        rule = templates.ANSWER_NOT_FOUND
        if isinstance(error, TemplateRefusesError):
            rule = templates.TEMPLATE_REFUSES_ROW
        elif isinstance(error, NotTextError):
            rule = templates.PART_NOT_TEXT
        cause = Cause(rule, str(error))
        tally.causes.note(cause, line.number, lambda: _place(line, self._blame(line, error)))

    def _blame(self, line: Line, error: UnspeakableError) -> Path:
        """Return the path of the message without which a row is not refused for this reason.

        The first messages of the row that are refused for the same reason are found by halving.
        """
        try:
            row = read_row(line.data)
        except UnspeakableError:
            return ()
        messages = row["messages"]
        good, bad = 0, len(messages)
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                render_row({**row, "messages": messages[:middle]}, self._template)
            except UnspeakableError as other:
                good, bad = (good, middle) if str(other) == str(error) else (middle, bad)
            else:
                good = middle
        return ("messages", bad - 1)

    def _causes(
        self, row: Mapping[str, Any], encoded: Encoded, trained: int, ids: set[str]
    ) -> Iterator[tuple[Cause, Path]]:
        """Yield what is wrong with a row, and where in the row.

        Args:
            row: the row.
            encoded: its tokens.
            trained: how many of them are trained on.
            ids: the rules of the check that have a finding in this row.
        """
        length = len(encoded.tokens)
        if trained:
            yield from _losses(encoded)
            if cut := [each for each in encoded.answers if self._is_cut(encoded, each.end)]:
                yield Cause(templates.ANSWER_CUT, "", len(cut), length), _content(cut[0].message)
        elif not ids & _COVERED:
            yield from self._nothing(encoded)
        bos = self._tokenizer.bos_token_id
        if bos is not None and encoded.tokens[:2] == [bos, bos]:
            token = str(self._tokenizer.bos_token)
            own = any(token in text for message in row["messages"] for _, text in texts(message))
            if not (own and conversations.SPECIAL_TOKEN.id in ids):
                yield Cause(templates.DOUBLE_BOS, "row" if own else "template", detail=token), ("messages",)
        if self._tokenizer.pad_token_id in encoded.ends:
            yield Cause(templates.PADDING_IS_END, "", detail=str(self._tokenizer.pad_token)), ("messages",)

    def _is_cut(self, encoded: Encoded, end: int) -> bool:
        """Return whether a token before the place `end` of the text is cut."""
        return len(encoded.tokens) > self._limit and encoded.spans[self._limit][0] < end

    def _nothing(self, encoded: Encoded) -> Iterator[tuple[Cause, Path]]:
        """Yield why nothing of a row is trained on."""
        rule, length = conversations.NOTHING_TRAINED, len(encoded.tokens)
        if encoded.answers and length > self._limit:
            yield Cause(rule, "cut", 1, length), _content(encoded.answers[0].message)
        elif lost := [loss for loss in encoded.losses if loss.kind in {"answers", "calls"}]:
            yield Cause(rule, lost[0].kind), _lost(lost[0].message, lost[0].kind)
        else:
            yield Cause(rule, "other"), ("messages",)


def _losses(encoded: Encoded) -> Iterator[tuple[Cause, Path]]:
    """Yield what the template loses of a row, each kind once."""
    rules = {
        "answers": templates.ANSWER_LEFT_OUT,
        "calls": templates.ANSWER_LEFT_OUT,
        "texts": templates.PART_LEFT_OUT,
        "thoughts": templates.PART_LEFT_OUT,
        "ends": templates.END_TOKEN_NOT_TRAINED,
    }
    for kind, number in encoded.lost.items():
        if kind in rules:
            at = next(loss.message for loss in encoded.losses if loss.kind == kind)
            yield Cause(rules[kind], kind, number), _lost(at, kind)


def _lost(message: int, kind: str) -> Path:
    return ("messages", message, "tool_calls") if kind == "calls" else _content(message)


def _content(message: int) -> Path:
    return ("messages", message, "content")


def _place(line: Line, path: Path) -> Finding:
    """Return a finding at the value at `path` of a row, or at the nearest value around it."""
    return locate([Remark(conversations.NOTHING_TRAINED, "", path)], line)[0]

"""A row as a model is trained on it: its text, token by token."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal, NamedTuple

from sftc.training.encoded_row import Encoded

State = Literal["trained", "read", "cut"]
"""What happens to a token: it is trained on, only read, or cut off."""


class Token(NamedTuple):
    """A token of a row.

    Attributes:
        token: its name in the vocabulary.
        id: its id.
        start, end: its place in the text of the row, in characters. Tokens that share a character
            overlap. A token that the trainer adds is empty, at the end of the text.
        label: the id that is trained on at its place, or `None`.
        other: the name of the token with that id, if it is another one.
        state: what happens to the token.
    """

    token: str
    id: int
    start: int
    end: int
    label: int | None
    other: str
    state: State


class Fragment(NamedTuple):
    """The text of one token, or of several that share a character; of no token if `tokens` is empty."""

    text: str
    tokens: list[Token]


class SeenRow(NamedTuple):
    """A row that was asked for.

    Attributes:
        line: the number of its line, from 1.
        text: the row as the chat template renders it.
        tokens: its tokens.
        problem: why there are none; otherwise empty.
    """

    line: int
    text: str
    tokens: list[Token]
    problem: str = ""

    def number(self, state: State) -> int:
        """Return how many tokens are in a state."""
        return sum(token.state == state for token in self.tokens)

    def runs(self) -> Iterator[tuple[State, list[Fragment]]]:
        """Yield the pieces of the text in order, grouped by what happens to them."""
        for state, pieces in groupby(self._pieces(), lambda each: each[0]):
            yield state, [piece for _, piece in pieces]

    def _pieces(self) -> Iterator[tuple[State, Fragment]]:
        at, tokens = 0, self.tokens
        number = 0
        while number < len(tokens):
            first = number
            start, end = tokens[first].start, tokens[first].end
            number += 1
            while number < len(tokens) and start < end and tokens[number].start < end:
                end = max(end, tokens[number].end)
                number += 1
            group = tokens[first:number]
            if start > at:  # no token reads this text: the tokenizer drops it
                yield group[0].state, Fragment(self.text[at:start], [])
            yield group[0].state, Fragment(self.text[max(start, at) : end] or group[0].token, group)
            at = max(at, end)
        if at < len(self.text):
            yield "read", Fragment(self.text[at:], [])


def see(line: int, encoded: Encoded, limit: int, tokenizer: Any) -> SeenRow:
    """Return the row on a line as it is trained on with at most `limit` tokens."""
    labels = encoded.kept(limit)
    names: list[str] = tokenizer.convert_ids_to_tokens(encoded.tokens)
    tokens = []
    for at, (id, span) in enumerate(zip(encoded.tokens, encoded.spans, strict=True)):
        label = labels[at] if at < len(labels) else None
        state: State = "cut" if at >= len(labels) else "read" if label is None else "trained"
        other = "" if label in {None, id} else str(tokenizer.convert_ids_to_tokens(label))
        tokens.append(Token(str(names[at]), id, *span, label, other, state))
    return SeenRow(line, encoded.text, tokens)
